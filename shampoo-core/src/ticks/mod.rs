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
//! A factor that falls due while the driver is busy is left out, and the next one to be begun is the first one after the
//! last. With turns that are `delay` steps apart ([`Loads::spaced`](crate::schedule::Loads::spaced)) each finds the driver
//! idle; without turns, everyone has one in so many periods as there are factors.
//!
//! What is under way is noted in the factor's [slot](crate::schedule::Slot). A root whose slot does not wait for it any more
//! (its tensor was built anew, or loaded) is dropped, and a slot whose root is nowhere under way is a failure at its step.

mod flight;

use core::marker::PhantomData;

use crate::block::{Factor, Refresh};
use crate::config::Config;
use crate::error::ShapeError;
use crate::kernel::Kernel;
use crate::linalg::flops;
use crate::linalg::inverse_root::inverse_root_workspace_len;
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

/// A driver as it is saved: where its next search begins; tensor, factor, snapshot and order of what is under way.
pub(crate) struct Suspended {
    pub(crate) cursor: usize,
    pub(crate) flight: Option<((usize, usize, u64), usize)>,
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
    /// Where the search for the next factor begins, counted through all tensors.
    cursor: usize,
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
        Ok(Self { order, snapshot, workspace, flight: None, cursor: 0, precision: PhantomData })
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

    /// The statistics under way.
    pub(crate) fn copied(&self) -> &[P::Store] {
        let order = self.flight.as_ref().map(|flight| flight.order).filter(|&order| order <= self.order);
        order.and_then(|order| self.snapshot.as_ref().get(..packed_len(order))).unwrap_or_default()
    }

    /// What is saved beside them.
    pub(crate) fn suspended(&self) -> Suspended {
        let flight = self.flight.as_ref().map(|flight| (flight.site, flight.order));
        let flight = flight.map(|(Site { tensor, factor, snapshot }, order)| ((tensor, factor, snapshot), order));
        Suspended { cursor: self.cursor, flight }
    }

    /// Takes up what was saved, and lends the place of its statistics: the root is begun anew.
    pub(crate) fn resume(&mut self, Suspended { cursor, flight }: Suspended) -> &mut [P::Store] {
        self.cursor = cursor;
        let site = |(tensor, factor, snapshot)| Site { tensor, factor, snapshot };
        self.flight = flight.map(|(place, order)| Flight::new(site(place), order));
        let order = flight.map_or(0, |(_, order)| order);
        let length = if order <= self.order { packed_len(order) } else { 0 };
        self.snapshot.as_mut().get_mut(..length).unwrap_or_default()
    }

    /// Goes on with the roots as far as the budget reaches, and in [`Mode::Async`] installs what is finished.
    ///
    /// A piece that does not fit any more is left for the next tick. The first one is done whatever it costs, so that there
    /// is progress with any budget but 0, which does nothing; see [`largest_piece`]. Looking for a factor that is due is not
    /// counted: some comparisons a factor.
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
            loop {
                let piece = self.next(tensors, false).unwrap_or(Piece::Conclude);
                tick.flops = tick.flops.saturating_add(self.cost(piece, kernel));
                tick.refresh = tick.refresh.merge(self.perform(piece, tensors, kernel));
                if piece == Piece::Conclude {
                    break;
                }
            }
        }
        for (index, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| is_timed(tensor.config())) {
            tick.refresh.rejected += self.fail_lost(index, tensor);
            tensor.close();
        }
        tick.working = self.next(tensors, true).is_some();
        tick
    }

    /// The next piece, if it can be done now; `at_once` for roots that are installed as soon as they are finished too.
    fn next<TS, TW, TB>(&mut self, tensors: &mut [Tensor<P, TS, TW, TB>], at_once: bool) -> Option<Piece>
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Some(flight) = &self.flight else { return self.due(tensors, at_once) };
        let (stage, order) = (flight.stage(), flight.order);
        let Some(factor) = waiting(tensors, flight.site, order) else {
            self.flight = None;
            return self.due(tensors, at_once);
        };
        match stage {
            Stage::Copied => Some(Piece::Start),
            Stage::Running => Some(Piece::Step),
            Stage::Ended => (factor.mode() == Mode::Async).then_some(Piece::Conclude),
        }
    }

    /// The next factor in turn that wants a root of the step just taken.
    fn due<TS, TW, TB>(&self, tensors: &[Tensor<P, TS, TW, TB>], at_once: bool) -> Option<Piece>
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let (mut first, mut place) = (None, 0_usize);
        for (index, tensor) in tensors.iter().enumerate() {
            let (config, slots) = (tensor.config(), tensor.slots());
            let driven = if at_once { config.schedule.mode.is_offloaded() } else { is_timed(config) };
            if let (true, Some(step)) = (driven && tensor.is_open(), tensor.count().checked_sub(1)) {
                for (factor, slot) in slots.iter().enumerate() {
                    let Poll::Submit { snapshot } = config.schedule.poll(slot, step, config.first_refresh()) else {
                        continue;
                    };
                    let (site, place) = (Site { tensor: index, factor, snapshot }, place.saturating_add(factor));
                    let order = tensor.partition().factors(factor..factor.saturating_add(1)).next()?.order;
                    let piece = Piece::Copy(site, order, place);
                    if place >= self.cursor {
                        return Some(piece);
                    }
                    first = first.or(Some(piece));
                }
            }
            place = place.saturating_add(slots.len());
        }
        first
    }

    /// Flops of a piece at most.
    fn cost<K: Kernel<P::Root> + ?Sized>(&self, piece: Piece, kernel: &K) -> u64 {
        match (piece, &self.flight) {
            (Piece::Copy(_, order, _), _) => flops::linear(packed_len(order), 1),
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
        if let Piece::Copy(site, order, place) = piece {
            let Some(factor) = factor(tensors, site) else { return Refresh::default() };
            let to = self.snapshot.as_mut();
            if order <= self.order {
                to.iter_mut().zip(&*factor.statistics).for_each(|(to, &from)| *to = from);
            }
            factor.slot.submit(site.snapshot);
            self.cursor = place.saturating_add(1);
            self.flight = Some(Flight::new(site, order));
            return Refresh::default();
        }
        let Some(flight) = &mut self.flight else { return Refresh::default() };
        let Some(factor) = waiting(tensors, flight.site, flight.order) else { return Refresh::default() };
        let workspace = self.workspace.as_mut();
        let snapshot = self.snapshot.as_ref();
        let triangle = snapshot.get(..packed_len(flight.order)).filter(|_| flight.order <= self.order);
        match piece {
            Piece::Start => flight.start(&factor, triangle.unwrap_or_default()),
            Piece::Step => flight.step(triangle.unwrap_or_default(), workspace, kernel),
            _ => {
                let done = flight.conclude(factor, workspace);
                self.flight = None;
                return done;
            }
        }
        Refresh::default()
    }

    /// Whether what is under way is to be installed before the next step.
    fn is_due<TS, TW, TB>(&self, tensors: &mut [Tensor<P, TS, TW, TB>]) -> bool
    where
        TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
        TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
        TB: AsRef<[Slot]> + AsMut<[Slot]>,
    {
        let Some(flight) = &self.flight else { return false };
        let step = tensors.get(flight.site.tensor).map_or(0, Tensor::count);
        waiting(tensors, flight.site, flight.order)
            .is_some_and(|factor| matches!(factor.poll(step), Poll::Install { .. }))
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

fn factor<'a, P: Precision, TS, TW, TB>(tensors: &'a mut [Tensor<P, TS, TW, TB>], site: Site) -> Option<Factor<'a, P>>
where
    TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
    TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
    TB: AsRef<[Slot]> + AsMut<[Slot]>,
{
    tensors.get_mut(site.tensor)?.factors().each().nth(site.factor)
}

/// The factor that waits for this snapshot's root, if it does.
fn waiting<'a, P: Precision, TS, TW, TB>(
    tensors: &'a mut [Tensor<P, TS, TW, TB>],
    site: Site,
    order: usize,
) -> Option<Factor<'a, P>>
where
    TS: AsRef<[P::Store]> + AsMut<[P::Store]>,
    TW: AsRef<[P::Work]> + AsMut<[P::Work]>,
    TB: AsRef<[Slot]> + AsMut<[Slot]>,
{
    let found = factor(tensors, site)?;
    let waits = found.order == order && found.slot.pending() == Some(site.snapshot);
    (waits && found.mode().is_offloaded()).then_some(found)
}
