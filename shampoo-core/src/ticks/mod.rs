//! Roots beside training without threads: spread over calls, each with a budget of flops.
//!
//! A control loop steps its tensors and then calls [`Ticks::tick`] with what its deadline leaves. A driver has one root
//! under way, of a copy of the statistics, since training goes on; the pieces of that root are those of a
//! [`Job`](crate::linalg::inverse_root::Job). It is for [`Mode::Async`] and [`Mode::Pipelined`]; in the other modes a
//! [step](Tensor::step) computes its own roots, and a driver leaves their tensors alone.
//!
//! | mode | begun | used |
//! |---|---|---|
//! | [`Mode::Async`] | by the next tick with room, each factor in its turn | as soon as it is finished |
//! | [`Mode::Pipelined`] | the same, at most one a round | `delay` steps after its snapshot exactly |
//!
//! # Rounds
//!
//! In a round [`settle`](Ticks::settle) comes first, then one step of every tensor that has a gradient, then ticks, as many
//! as there is time for. `settle` finishes and installs what is due, whatever that costs, and begins what no tick has
//! begun, so in [`Mode::Pipelined`] parameters depend neither on budgets nor on how many ticks there were, to the last bit.
//! (All tensors of a driver are then to be in that mode.) In [`Mode::Async`] there is nothing to settle.
//!
//! A factor that falls due while the driver is busy has its turn when it is idle again, with the statistics of that step: of
//! those whose turn has come the one that has waited longest, in steps of its own tensor. What falls due while a root of the
//! factor itself is under way is left out, as in every pipeline. With turns that are `delay` steps apart
//! ([`Loads::spaced`](crate::schedule::Loads::spaced)) in a period that has room for all of them each finds the driver idle.
//!
//! A root waits for steps of its own tensor. One whose tensor had no gradient in more than `delay` rounds in a row is dropped,
//! a counted failure, so that it keeps nobody else waiting.
//!
//! # Budgets
//!
//! Of a root of at most [`largest_root`] flops ticks leave nothing to `settle` but its last piece, where
//! `delay * ticks * (budget - largest_piece) >= largest_root` for so many ticks a round; [`Ticks::left_at_most`] says what is
//! left of the one under way. After a load it is begun anew, with all of its flops before it.
//!
//! What is under way is noted in the factor's [slot](crate::schedule::Slot). A root whose slot does not wait for it any more
//! (its tensor was built anew, or loaded without the driver) is dropped, and a slot whose root is nowhere under way is a failure at its step.

mod flight;

use core::marker::PhantomData;

use crate::block::{Factor, Refresh};
use crate::config::Config;
use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::linalg::flops;
use crate::linalg::inverse_root::{Request, inverse_root_workspace_len};
use crate::mat::copy;
use crate::mat::packed::packed_len;
use crate::scalar::Precision;
use crate::schedule::{Mode, Poll, Slot};
use crate::tensor::{Tensor, largest_order, request};
use flight::{Flight, Piece, Stage};

/// The most flops that one piece of a parameter's roots can cost, counted as
/// [`Job::next_flops`](crate::linalg::inverse_root::Job::next_flops) does; 0 without factors.
///
/// With a budget of this or more no tick exceeds its budget, and every tick with something to do does something.
///
/// ```
/// use shampoo_core::{config::Config, ticks::largest_piece};
/// const BUDGET: u64 = largest_piece(&[16, 16], &Config::DEFAULT);
/// assert!(BUDGET < 40_000);
/// ```
pub const fn largest_piece(shape: &[usize], config: &Config) -> u64 {
    let order = largest_order(shape, config);
    if order == 0 {
        return 0;
    }
    let around = flops::larger(flops::begin(order), flops::finish(order));
    flops::larger(request(shape, config).largest_piece(order), around)
}

/// The most flops that one root of a parameter can cost in all its pieces, its copy and its last one included; 0 without
/// factors.
///
/// Every attempt of the ridge ladder, each with all iterations that its method may take and with the method that stands in for
/// it: several times what a usual root costs. For the usual cost set
/// [`max_retries`](crate::config::Config::max_retries) to 0 in a copy of the settings.
///
/// ```
/// use shampoo_core::{config::Config, ticks::{largest_piece, largest_root}};
/// const ROOT: u64 = largest_root(&[16, 16], &Config::DEFAULT);
/// assert!(ROOT > largest_piece(&[16, 16], &Config::DEFAULT));
/// ```
pub const fn largest_root(shape: &[usize], config: &Config) -> u64 {
    let order = largest_order(shape, config);
    if order == 0 { 0 } else { whole_root(&request(shape, config), order) }
}

/// Flops of a root from its copy to its last piece, at most.
const fn whole_root(request: &Request, order: usize) -> u64 {
    let around = flops::begin(order).saturating_add(flops::finish(order));
    request.largest_root(order).saturating_add(around).saturating_add(flops::linear(packed_len(order), 1))
}

/// A factor among the tensors of a driver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Site {
    /// Index of its tensor.
    pub tensor: usize,
    /// Its number in the tensor.
    pub factor: usize,
    /// The step whose statistics were copied.
    pub snapshot: u64,
}

/// A root under way as it is saved.
pub(crate) struct Suspended {
    pub(crate) site: Site,
    pub(crate) order: usize,
    pub(crate) idle: u64,
}

/// What a tick did.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Tick {
    /// Roots that were installed or came to nothing.
    pub refresh: Refresh,
    /// Flops spent, at most.
    pub flops: u64,
    /// Whether another tick would find something to do now.
    pub working: bool,
}

/// Spreads the roots of some tensors over ticks: one root under way at a time.
///
/// The buffers are the caller's, of any kind, like those of a [`Tensor`].
///
/// ```
/// use shampoo_core::kernel::Portable;
/// use shampoo_core::scalar::F32;
/// use shampoo_core::schedule::{Mode, Schedule, Slot};
/// use shampoo_core::ticks::{Ticks, largest_piece};
/// use shampoo_core::{config::Config, mat::packed::packed_len};
/// use shampoo_core::tensor::{Lengths, Tensor, Workspace, largest_order};
///
/// const CONFIG: Config =
///     Config { schedule: Schedule { mode: Mode::Pipelined { delay: 1 }, ..Schedule::EVERY_STEP }, ..Config::DEFAULT };
/// const NEED: Lengths = Lengths::of(&[2, 2], &CONFIG);
/// const ORDER: usize = largest_order(&[2, 2], &CONFIG);
/// const BUDGET: u64 = largest_piece(&[2, 2], &CONFIG);
///
/// let tensor = Tensor::<F32, _, _, _>::new(
///     &[2, 2],
///     CONFIG,
///     [0.0; NEED.statistics],
///     [0.0; NEED.statistics],
///     [0.0; NEED.graft],
///     [0.0; NEED.momentum],
///     [Slot::EMPTY; NEED.slots],
/// )?;
/// let mut tensors = [tensor];
/// let mut ticks = Ticks::<F32, _, _>::new(ORDER, [0.0; packed_len(ORDER)], [0.0; NEED.root])?;
/// let (mut direction, mut work, mut update) = ([0.0; NEED.numel], [0.0; NEED.work], [0.0; NEED.numel]);
/// let mut weights = [1.0_f32, 2.0, 3.0, 4.0];
/// for _ in 0..4 {
///     ticks.settle(&mut tensors, &Portable);
///     // A driver's tensors need no workspace for roots of their own.
///     let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut [] };
///     let gradient = weights.map(|w| 0.1 * w);
///     tensors[0].step(&weights, &gradient, 0.01, &mut update, &mut workspace, &Portable)?;
///     weights.iter_mut().zip(&update).for_each(|(w, u)| *w += u);
///     let tick = ticks.tick(&mut tensors, BUDGET, &Portable);
///     assert!(tick.flops <= BUDGET);
/// }
/// let [left, right] = tensors[0].slots() else { unreachable!() };
/// assert_eq!((left.stamp(), right.stamp()), (Some(2), Some(1)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Ticks<P: Precision, S, W> {
    /// Largest order.
    order: usize,
    snapshot: S,
    workspace: W,
    flight: Option<Flight<P::Root>>,
    precision: PhantomData<P>,
}

impl<P: Precision, S, W> Ticks<P, S, W>
where
    S: AsRef<[P::Store]> + AsMut<[P::Store]>,
    W: AsRef<[P::Root]> + AsMut<[P::Root]>,
{
    /// A driver for factors up to this order; a larger one is a failure whenever its turn comes.
    ///
    /// **Shapes**: at least [`packed_len`] of the order, and
    /// [`inverse_root_workspace_len`] of it. **Errors**: a shorter buffer.
    pub fn new(order: usize, snapshot: S, workspace: W) -> Result<Self, ShapeError> {
        for (needed, found) in [
            (packed_len(order), snapshot.as_ref().len()),
            (inverse_root_workspace_len(order), workspace.as_ref().len()),
        ] {
            if order > 0 && found < needed {
                return Err(ShapeError::Length { needed, found });
            }
        }
        Ok(Self { order, snapshot, workspace, flight: None, precision: PhantomData })
    }

    /// The largest order.
    pub fn order(&self) -> usize {
        self.order
    }

    /// What is under way.
    pub fn under_way(&self) -> Option<Site> {
        self.flight.as_ref().map(|flight| flight.site)
    }

    /// Drops what is under way, as after a load of tensors alone: in [`Mode::Async`] the factor is asked again when it is due
    /// next, in [`Mode::Pipelined`] it has a failure at its step.
    pub fn abandon(&mut self) {
        self.flight = None;
    }

    /// The most flops that are left of what is under way, its last piece included; 0 where nothing is.
    ///
    /// **Shapes**: `tensors` as for [`tick`](Ticks::tick).
    pub fn left_at_most<TS, TW, TB>(&self, tensors: &[Tensor<P, TS, TW, TB>]) -> u64
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Some(flight) = &self.flight else { return 0 };
        let Some(tensor) = tensors.get(flight.site.tensor) else { return 0 };
        let request = tensor.config().request(tensor.partition().factors_per_block());
        match flight.stage() {
            Stage::Copied | Stage::Running => whole_root(&request, flight.order).saturating_sub(flight.spent),
            Stage::Ended => flops::finish(flight.order),
        }
    }

    /// The statistics under way.
    pub(crate) fn copied(&self) -> &[P::Store] {
        let order = self.suspended().map(|suspended| suspended.order);
        order.and_then(|order| self.snapshot.as_ref().get(..packed_len(order))).unwrap_or_default()
    }

    /// What is saved beside them. A root that is too large for this driver is none: there are no statistics of it.
    pub(crate) fn suspended(&self) -> Option<Suspended> {
        let flight = self.flight.as_ref().filter(|flight| flight.order <= self.order);
        flight.map(|&Flight { site, order, idle, .. }| Suspended { site, order, idle })
    }

    /// Takes up what was saved, and lends the place of its statistics: the root is begun anew.
    pub(crate) fn resume(&mut self, suspended: Option<Suspended>) -> &mut [P::Store] {
        let length = suspended.as_ref().map_or(0, |suspended| packed_len(suspended.order));
        self.flight = suspended.map(|Suspended { site, order, idle }| {
            let mut flight = Flight::new(site, order, None);
            flight.idle = idle;
            flight
        });
        self.snapshot.as_mut().get_mut(..length).unwrap_or_default()
    }

    /// Goes on with the roots as far as the budget reaches, and in [`Mode::Async`] installs what is finished.
    ///
    /// A piece that does not fit any more is left for the next tick. The first one is done whatever it costs, so that there
    /// is progress with any budget but 0, which does nothing; see [`largest_piece`]. Not counted are some comparisons a factor
    /// for every root: where the next one is looked for, and where its factor is found at its begin and at its end.
    pub fn tick<TS, TW, TB, K>(&mut self, tensors: &mut [Tensor<P, TS, TW, TB>], flops: u64, kernel: &K) -> Tick
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
        K: Kernel<P::Root> + ?Sized,
    {
        let mut tick = Tick::default();
        while let Some(piece) = self.next(tensors, true) {
            let total = tick.flops.saturating_add(self.cost(piece, kernel));
            if flops == 0 || tick.flops > 0 && total > flops {
                tick.working = true;
                break;
            }
            tick.flops = total;
            tick.refresh = tick.refresh.merge(self.perform(piece, tensors, kernel));
        }
        tick
    }

    /// Before a round of steps: begins what was due in the last one and no tick has begun, and installs what is due in the
    /// next one, in [`Mode::Pipelined`].
    ///
    /// **Cost**: what ticks have left of a root that is due, which is reported.
    pub fn settle<TS, TW, TB, K>(&mut self, tensors: &mut [Tensor<P, TS, TW, TB>], kernel: &K) -> Tick
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
        K: Kernel<P::Root> + ?Sized,
    {
        let mut tick = Tick::default();
        if let Some(piece @ Piece::Copy(..)) = self.next(tensors, false) {
            tick.flops = self.cost(piece, kernel);
            self.perform(piece, tensors, kernel);
        }
        if self.is_due(tensors) {
            // Whatever is left of it; of what is due nothing is left undone.
            loop {
                let piece = self.next(tensors, false).unwrap_or(Piece::Conclude);
                tick.flops = tick.flops.saturating_add(self.cost(piece, kernel));
                tick.refresh = tick.refresh.merge(self.perform(piece, tensors, kernel));
                if piece == Piece::Conclude {
                    break;
                }
            }
        } else {
            tick.refresh.rejected += self.drop_idle(tensors);
        }
        for (index, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| is_timed(tensor.config())) {
            tick.refresh.rejected += self.fail_lost(index, tensor);
            tensor.close();
        }
        tick.working = self.next(tensors, true).is_some();
        tick
    }

    /// The next piece, if it can be done now; `at_once` for roots that are installed as soon as they are finished too.
    fn next<TS, TW, TB>(&mut self, tensors: &[Tensor<P, TS, TW, TB>], at_once: bool) -> Option<Piece>
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Some(tensor) = self.awaiting(tensors) else { return self.due(tensors, at_once) };
        match self.flight.as_ref().map(Flight::stage)? {
            Stage::Copied => Some(Piece::Start),
            Stage::Running => Some(Piece::Step),
            Stage::Ended => (tensor.config().schedule.mode == Mode::Async).then_some(Piece::Conclude),
        }
    }

    /// The tensor that waits for what is under way. What nobody waits for is dropped: its tensor was built anew, or loaded since.
    fn awaiting<'t, TS, TW, TB>(&mut self, tensors: &'t [Tensor<P, TS, TW, TB>]) -> Option<&'t Tensor<P, TS, TW, TB>>
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Flight { site, order, loads, .. } = self.flight.as_mut()?;
        let tensor = tensors.get(site.tensor).filter(|tensor| {
            let pending = tensor.slots().get(site.factor).and_then(Slot::pending);
            let waits = pending == Some(site.snapshot) && tensor.config().schedule.mode.is_offloaded();
            // One that was loaded is of the load that its tensor was loaded by, or of one before.
            waits
                && order_of(tensor, site.factor) == Some(*order)
                && *loads.get_or_insert(tensor.loads()) == tensor.loads()
        });
        if tensor.is_none() {
            self.flight = None;
        }
        tensor
    }

    /// Of the factors whose turn has come the one that has waited longest, with the statistics of its tensor's last step.
    fn due<TS, TW, TB>(&self, tensors: &[Tensor<P, TS, TW, TB>], at_once: bool) -> Option<Piece>
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let round = is_round_open(tensors);
        let mut oldest = None;
        for (index, tensor) in tensors.iter().enumerate() {
            let config = tensor.config();
            // A round is one of all tensors: a turn that was missed may come in one without a gradient of this tensor.
            let open = if is_timed(config) { round } else { at_once && config.schedule.mode.is_offloaded() };
            let (true, Some(snapshot)) = (open, tensor.count().checked_sub(1)) else { continue };
            for (factor, slot) in tensor.slots().iter().enumerate() {
                let age = slot.newest().map_or(u64::MAX, |newest| snapshot.saturating_sub(newest));
                if oldest.is_none_or(|(oldest, _)| age > oldest)
                    && config.schedule.is_overdue(slot, snapshot, config.first_refresh())
                {
                    oldest = Some((age, Site { tensor: index, factor, snapshot }));
                }
            }
        }
        let (_, site) = oldest?;
        Some(Piece::Copy(site, order_of(tensors.get(site.tensor)?, site.factor)?))
    }

    /// Flops of a piece at most.
    fn cost<K: Kernel<P::Root> + ?Sized>(&self, piece: Piece, kernel: &K) -> u64 {
        match (piece, &self.flight) {
            (Piece::Copy(_, order), _) => flops::linear(packed_len(order), 1),
            (Piece::Start, Some(flight)) => flops::begin(flight.order),
            (Piece::Step, Some(flight)) => flight.next_flops(kernel),
            (Piece::Conclude, Some(flight)) => flops::finish(flight.order),
            (_, None) => 0,
        }
    }

    /// Does a piece; what came of a root, where it was the last one.
    fn perform<TS, TW, TB, K>(&mut self, piece: Piece, tensors: &mut [Tensor<P, TS, TW, TB>], kernel: &K) -> Refresh
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
        K: Kernel<P::Root> + ?Sized,
    {
        let cost = self.cost(piece, kernel);
        let workspace = self.workspace.as_mut();
        match (piece, &mut self.flight) {
            (Piece::Copy(site, order), _) => {
                let loads = tensors.get(site.tensor).map(Tensor::loads);
                let Some(factor) = factor(tensors, site) else { return Refresh::default() };
                let to = self.snapshot.as_mut();
                if order <= self.order {
                    copy(to, factor.statistics);
                }
                factor.slot.submit(site.snapshot);
                self.flight = Some(Flight::new(site, order, loads));
            }
            (Piece::Start | Piece::Step, Some(flight)) => {
                let triangle = self.snapshot.as_ref().get(..packed_len(flight.order));
                let triangle = triangle.filter(|_| flight.order <= self.order).unwrap_or_default();
                if piece == Piece::Step {
                    flight.step(triangle, workspace, kernel);
                } else if let Some(factor) = factor(tensors, flight.site) {
                    flight.start(&factor, triangle);
                }
            }
            (Piece::Conclude, flight) => {
                let Some(flight) = flight.take() else { return Refresh::default() };
                let Some(factor) = factor(tensors, flight.site) else { return Refresh::default() };
                return flight.conclude(factor, workspace);
            }
            (_, None) => {}
        }
        if let Some(flight) = &mut self.flight {
            flight.spent = flight.spent.saturating_add(cost);
        }
        Refresh::default()
    }

    /// Whether what is under way is to be installed before the next step.
    fn is_due<TS, TW, TB>(&mut self, tensors: &[Tensor<P, TS, TW, TB>]) -> bool
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Some(tensor) = self.awaiting(tensors) else { return false };
        let (config, factor) = (tensor.config(), self.under_way().map_or(0, |site| site.factor));
        let poll = |slot| config.schedule.poll(slot, tensor.count(), config.first_refresh());
        matches!(tensor.slots().get(factor).map(poll), Some(Poll::Install { .. }))
    }

    /// Counts a round without a gradient of the tensor whose root is under way, and drops that root after too many in a row:
    /// the number of failures.
    fn drop_idle<TS, TW, TB>(&mut self, tensors: &mut [Tensor<P, TS, TW, TB>]) -> u32
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        // Settling twice is one round.
        if !is_round_open(tensors) {
            return 0;
        }
        let Some(tensor) = self.awaiting(tensors) else { return 0 };
        let (Some(delay), Some(flight)) = (tensor.config().schedule.mode.delay(), &mut self.flight) else { return 0 };
        flight.idle = if tensor.is_open() { 0 } else { flight.idle.saturating_add(1) };
        if flight.idle <= delay {
            return 0;
        }
        let site = flight.site;
        self.flight = None;
        factor(tensors, site).map_or(0, |factor| {
            factor.slot.fail(site.snapshot);
            1
        })
    }

    /// Counts the failures of slots whose root is due and nowhere under way.
    fn fail_lost<TS, TW, TB>(&self, index: usize, tensor: &mut Tensor<P, TS, TW, TB>) -> u32
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let (step, under_way) = (tensor.count(), self.under_way());
        let mut failed = 0;
        for (number, factor) in tensor.factors().each().enumerate() {
            if let Poll::Install { snapshot } = factor.poll(step)
                && under_way != Some(Site { tensor: index, factor: number, snapshot })
            {
                factor.slot.fail(snapshot);
                failed += 1;
            }
        }
        failed
    }
}

/// Whether the schedule says when a root beside training is installed.
fn is_timed(config: &Config) -> bool {
    let mode = config.schedule.mode;
    mode.is_offloaded() && mode.delay().is_some()
}

/// Whether a tensor whose roots have their time has taken a step since the last settling.
fn is_round_open<P: Precision, TS, TW, TB>(tensors: &[Tensor<P, TS, TW, TB>]) -> bool
where
    TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
    TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
    TB: AsRef<[Slot]> + AsMut<[Slot]>,
{
    tensors.iter().any(|tensor| tensor.is_open() && is_timed(tensor.config()))
}

/// The order of a factor.
fn order_of<P: Precision, TS, TW, TB>(tensor: &Tensor<P, TS, TW, TB>, factor: usize) -> Option<usize>
where
    TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
    TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
    TB: AsRef<[Slot]> + AsMut<[Slot]>,
{
    tensor.partition().factor(factor).map(|factor| factor.order)
}

/// A factor, found among all of its tensor.
fn factor<'a, P: Precision, TS, TW, TB>(tensors: &'a mut [Tensor<P, TS, TW, TB>], site: Site) -> Option<Factor<'a, P>>
where
    TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
    TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
    TB: AsRef<[Slot]> + AsMut<[Slot]>,
{
    tensors.get_mut(site.tensor)?.factors().each().nth(site.factor)
}
