//! A parameter with its state in `Vec`s and its workspace.

use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::error::{ConfigError, StepError};
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Method, Ridge};
use shampoo_core::momentum::Momentum;
use shampoo_core::partition::Merge;
use shampoo_core::scalar::{Precision, Real, Stored};
use shampoo_core::schedule::Slot;
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::{Lengths, Tensor, Workspace, lengths};

/// A parameter's state over `Vec`s.
pub(crate) type Heap<P> = Tensor<P, Vec<<P as Precision>::Store>, Vec<<P as Precision>::Work>, Vec<Slot>>;

/// Sums, no graft, no momentum, no merging, exact spectral roots: one step is -lr P.
pub(crate) const PLAIN: Config = Config {
    merge: Merge::Keep,
    averaging: Averaging::Sum,
    ridge: Ridge::Absolute(0.0),
    method: Method::Spectral,
    graft: Graft::None,
    momentum: Momentum::NONE,
    ..Config::DEFAULT
};

/// A pseudo-inverse cut far above rounding in `f64` and far below any eigenvalue of the tests.
pub(crate) const PSEUDO: Ridge = Ridge::PseudoInverse { cutoff: 1e-10 };

/// A parameter, its state and its workspace; numbers go in and out as `f64`.
#[derive(Clone)]
pub(crate) struct Run<P: Precision> {
    pub(crate) tensor: Heap<P>,
    pub(crate) weights: Vec<P::Work>,
    pub(crate) refresh: Refresh,
    direction: Vec<P::Work>,
    work: Vec<P::Work>,
    root: Vec<P::Root>,
}

/// The whole state, in bits.
#[derive(Debug, PartialEq)]
pub(crate) struct State {
    statistics: Vec<u64>,
    roots: Vec<u64>,
    graft: Vec<u64>,
    momentum: Vec<u64>,
    weights: Vec<u64>,
    slots: Vec<Slot>,
    count: u64,
}

/// Numbers in the working type.
pub(crate) fn narrow<T: Real>(x: &[f64]) -> Vec<T> {
    x.iter().map(|&x| T::from_f64(x)).collect()
}

/// Numbers of the working type, exactly.
pub(crate) fn widen<T: Real>(x: &[T]) -> Vec<f64> {
    x.iter().map(|x| x.to_f64()).collect()
}

/// Stored numbers, exactly.
pub(crate) fn stored<P: Precision>(x: &[P::Store]) -> Vec<f64> {
    x.iter().map(|&x| Stored::<P::Work>::load(x).to_f64()).collect()
}

fn zeros<T: Real>(length: usize) -> Vec<T> {
    vec![T::default(); length]
}

impl<P: Precision> Run<P> {
    /// A parameter that is 0.
    pub(crate) fn new(shape: &[usize], config: Config) -> Self {
        Self::try_new(shape, config).expect("a legal configuration")
    }

    pub(crate) fn try_new(shape: &[usize], config: Config) -> Result<Self, ConfigError> {
        let need: Lengths = lengths::<P>(shape, &config)?;
        let kept = || vec![P::Store::default(); need.statistics];
        let slots = vec![Slot::EMPTY; need.slots];
        let tensor = Tensor::new(shape, config, kept(), kept(), zeros(need.graft), zeros(need.momentum), slots)?;
        Ok(Self {
            tensor,
            weights: zeros(need.numel),
            refresh: Refresh::default(),
            direction: zeros(need.numel),
            work: zeros(need.work),
            root: zeros(need.root),
        })
    }

    /// The same with these weights.
    pub(crate) fn with_weights(mut self, weights: &[f64]) -> Self {
        assert_eq!(weights.len(), self.weights.len());
        self.weights = narrow(weights);
        self
    }

    /// Fills the workspace with NaN.
    pub(crate) fn spoil_workspace(&mut self) {
        let nan = P::Work::from_f64(f64::NAN);
        self.direction.fill(nan);
        self.work.fill(nan);
        self.root.fill(P::Root::from_f64(f64::NAN));
    }

    /// One step: the update, which has been added to the weights.
    #[track_caller]
    pub(crate) fn step(&mut self, gradient: &[f64], learning_rate: f64) -> Vec<f64> {
        let mut update = zeros(self.weights.len());
        self.try_step(&narrow::<P::Work>(gradient), learning_rate, &mut update).expect("a legal gradient");
        widen(&update)
    }

    /// One step into `update`; adds it to the weights unless there is an error.
    pub(crate) fn try_step(
        &mut self,
        gradient: &[P::Work],
        learning_rate: f64,
        update: &mut [P::Work],
    ) -> Result<(), StepError> {
        let mut workspace = Workspace { direction: &mut self.direction, work: &mut self.work, root: &mut self.root };
        self.refresh = self.tensor.step(&self.weights, gradient, learning_rate, update, &mut workspace, &Portable)?;
        self.weights.iter_mut().zip(update).for_each(|(w, u)| *w += *u);
        Ok(())
    }

    /// The updates of one step a gradient.
    #[track_caller]
    pub(crate) fn steps(&mut self, gradients: &[Vec<f64>], learning_rate: f64) -> Vec<Vec<f64>> {
        gradients.iter().map(|gradient| self.step(gradient, learning_rate)).collect()
    }

    /// What a step takes for a learning rate of 1, with its sign turned: P where there is neither graft nor momentum.
    #[track_caller]
    pub(crate) fn direction(&mut self, gradient: &[f64]) -> Vec<f64> {
        self.step(gradient, 1.0).iter().map(|x| -x).collect()
    }

    pub(crate) fn statistics(&self) -> Vec<f64> {
        stored::<P>(self.tensor.statistics())
    }

    pub(crate) fn roots(&self) -> Vec<f64> {
        stored::<P>(self.tensor.roots())
    }

    pub(crate) fn state(&self) -> State {
        let bits = super::bits;
        State {
            statistics: bits(&self.statistics()),
            roots: bits(&self.roots()),
            graft: bits(&widen(self.tensor.graft_state())),
            momentum: bits(&widen(self.tensor.momentum())),
            weights: bits(&widen(&self.weights)),
            slots: self.tensor.slots().to_vec(),
            count: self.tensor.count(),
        }
    }
}
