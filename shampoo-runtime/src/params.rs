//! What is trained and how: names, shapes, settings.

use core::marker::PhantomData;
use core::time::Duration;

use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Kernel;
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::linalg::inverse_root::Certificate;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::{F32RootF64, Precision};
use shampoo_core::schedule::Mode;

use crate::error::Error;
use crate::kernel::Server;
use crate::optimizer::Shampoo;
use crate::pipeline::Options;

/// Core's defaults with the certificate for servers: probed, since the full one costs more than a root.
pub const SERVER_CONFIG: Config = Config { certificate: Certificate::Probed, ..Config::DEFAULT };

/// A registered parameter.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) config: Option<Config>,
}

/// Builds a [`Shampoo`]; its defaults work.
///
/// Settings apply to every parameter, also to those registered before, except to those registered with settings
/// of their own.
#[derive(Clone, Debug)]
pub struct Builder<P: Precision = F32RootF64, K = Server> {
    pub(crate) config: Config,
    pub(crate) learning_rate: LearningRate,
    pub(crate) registrations: Vec<Registration>,
    pub(crate) threads: Option<usize>,
    pub(crate) inline: bool,
    pub(crate) staggered: bool,
    /// Whether the mode was chosen by [`Builder::mode`].
    pub(crate) mode_is_chosen: bool,
    pub(crate) options: Options,
    pub(crate) kernel: K,
    precision: PhantomData<P>,
}

impl Builder<F32RootF64, Server> {
    /// `f32` parameters, `f64` inside the roots, learning rate 1e-3 (the best of its grid on the
    /// autoencoder of the experiments), all threads.
    pub fn new() -> Self {
        Self::with_precision()
    }
}

impl Default for Builder<F32RootF64, Server> {
    fn default() -> Self {
        Self::new()
    }
}

impl<P: Precision> Builder<P, Server> {
    /// As [`Builder::new`] for other scalar roles: `Builder::<F64>::with_precision()`.
    pub fn with_precision() -> Self {
        Self {
            config: SERVER_CONFIG,
            learning_rate: LearningRate::constant(1e-3),
            registrations: Vec::new(),
            threads: None,
            inline: false,
            staggered: false,
            mode_is_chosen: false,
            options: Options::default(),
            kernel: Server::new(),
            precision: PhantomData,
        }
    }
}

impl<P: Precision, K> Builder<P, K> {
    /// Registers a parameter. Values and gradients are row-major in this shape.
    #[must_use]
    pub fn parameter(mut self, name: impl Into<String>, shape: &[usize]) -> Self {
        self.registrations.push(Registration { name: name.into(), shape: shape.to_vec(), config: None });
        self
    }

    /// Registers a parameter with settings of its own, for example [`Config::diagonal`] for an embedding.
    #[must_use]
    pub fn parameter_with(mut self, name: impl Into<String>, shape: &[usize], config: Config) -> Self {
        self.registrations.push(Registration { name: name.into(), shape: shape.to_vec(), config: Some(config) });
        self
    }

    /// The settings of the 2021 talk ([`Config::talk_2021`]) with the servers' certificate.
    #[must_use]
    pub fn talk_2021(self) -> Self {
        self.config(Config { certificate: SERVER_CONFIG.certificate, ..Config::talk_2021() })
    }

    /// All settings at once, in place of those made so far. [`SERVER_CONFIG`] is the default.
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The step length of this method.
    #[must_use]
    pub fn graft(mut self, graft: Graft) -> Self {
        self.config.graft = graft;
        self
    }

    /// Larger dimensions are cut into blocks of this size; `usize::MAX` is one block. Dimensions are never merged
    /// beyond it.
    #[must_use]
    pub fn block_size(mut self, block_size: usize) -> Self {
        self.config.block_size = block_size;
        self.config.merge_limit = self.config.merge_limit.min(block_size);
        self
    }

    /// Momentum of the step.
    #[must_use]
    pub fn momentum(mut self, momentum: Momentum) -> Self {
        self.config.momentum = momentum;
        self
    }

    /// Roots are computed every so many steps.
    #[must_use]
    pub fn precondition_every(mut self, steps: u64) -> Self {
        self.config.schedule.precondition_every = steps;
        self
    }

    /// When roots are used that were begun at some step; for the first ones see
    /// [`wait_for_first_roots`](Builder::wait_for_first_roots). The default is that of the settings, [`Mode::Sync`]; where the
    /// state lives on a device it is [`Mode::Pipelined`] by as many steps as there are between roots, unless this is called.
    #[must_use]
    pub fn mode(mut self, mode: Mode) -> Self {
        self.config.schedule.mode = mode;
        self.mode_is_chosen = true;
        self
    }

    /// Different factors get their roots at different steps of a period, so that no step pays for all; the first ones too, so
    /// that snapshots and incoming roots never take the memory of all at once.
    ///
    /// So a block may have to do with the graft's own step for a whole period. Where a period is a part of training that
    /// counts, without turns is better: a Transformer with roots of every 20 steps was 11 percent behind after 80 steps.
    #[must_use]
    pub fn staggered(mut self, staggered: bool) -> Self {
        self.staggered = staggered;
        self
    }

    /// Threads of a second private pool, which computes roots beside training; only started where the [mode](Builder::mode)
    /// asks for it. The default is 1; with 0 the calling thread computes them when they are submitted.
    #[must_use]
    pub fn root_threads(mut self, count: usize) -> Self {
        self.options.threads = count;
        self
    }

    /// Beginning of the names of all threads; `shampoo` by default.
    #[must_use]
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.options.name = name.into();
        self
    }

    /// Snapshots that may be under way; by default as many as there are factors. Those of the parameters registered first
    /// go first, so with less room than falls due at once the last ones get no roots: [`staggered`](Builder::staggered) helps.
    #[must_use]
    pub fn queue_capacity(mut self, jobs: usize) -> Self {
        self.options.capacity = jobs;
        self
    }

    /// How long a step waits for a root that is due; what is overdue counts as failed, and the root before stays. By
    /// default as long as it takes, so that the run can be repeated.
    #[must_use]
    pub fn wait_limit(mut self, limit: Duration) -> Self {
        self.options.wait_limit = Some(limit);
        self
    }

    /// Whether the step that begins a factor's first root waits for it and uses it, in [`Mode::Pipelined`] without a
    /// [`wait_limit`](Builder::wait_limit); false by default. That step lasts as long as these roots take on the calling thread
    /// and the [`root_threads`](Builder::root_threads). With false a block makes the graft's own steps until its roots have
    /// their delay behind them. A first root that fails is not waited for again.
    ///
    /// Worth it where it is soon followed by others: on the autoencoder of the experiments with batches of 1000, roots of
    /// every 1, 10 and 50 steps reached a loss after 258, 260 and 368 steps in place of 304, 358 and 496. The root of a single
    /// small batch that is used for hundreds of steps does harm: with batches of 100 and roots of every 200 steps it took 2260 in
    /// place of 1882.
    ///
    /// A checkpoint does not hold it: a run that is resumed before all factors have a root needs the same value for the same
    /// bits.
    #[must_use]
    pub fn wait_for_first_roots(mut self, wait: bool) -> Self {
        self.options.wait_for_first = wait;
        self
    }

    /// Records what happens when, up to so many events, for [`Shampoo::timeline`].
    #[must_use]
    pub fn timeline(mut self, events: usize) -> Self {
        self.options.timeline = events;
        self
    }

    /// The same learning rate at every step.
    #[must_use]
    pub fn learning_rate(self, rate: f64) -> Self {
        self.learning_rate_schedule(LearningRate::constant(rate))
    }

    /// A learning rate that depends on the step.
    #[must_use]
    pub fn learning_rate_schedule(mut self, schedule: LearningRate) -> Self {
        self.learning_rate = schedule;
        self
    }

    /// Worker threads of a private pool; the default, and 0, is one for each core.
    #[must_use]
    pub fn threads(mut self, count: usize) -> Self {
        self.threads = Some(count);
        self.inline = false;
        self
    }

    /// Everything on the calling thread.
    #[must_use]
    pub fn inline(mut self) -> Self {
        self.inline = true;
        self
    }

    /// Another kernel, for example core's `Portable` for the same bits on every machine. It must not enter a
    /// thread pool: a worker that waits inside a kernel could take up work that waits for its own scratch.
    pub fn kernel<L>(self, kernel: L) -> Builder<P, L> {
        Builder {
            config: self.config,
            learning_rate: self.learning_rate,
            registrations: self.registrations,
            threads: self.threads,
            inline: self.inline,
            staggered: self.staggered,
            mode_is_chosen: self.mode_is_chosen,
            options: self.options,
            kernel,
            precision: PhantomData,
        }
    }

    /// Allocates all state and starts the threads.
    ///
    /// **Errors**: a name registered twice, settings or a shape that cannot work, threads that cannot be started.
    pub fn build(self) -> Result<Shampoo<P, K>, Error>
    where
        K: Kernel<P::Root> + Send + 'static,
    {
        Shampoo::from_builder(self)
    }
}
