//! One factor whose statistics and root stay on the device: what the pipeline needs of it.

use std::sync::Arc;

use candle_core::{DType, Device, Result, Tensor};
use shampoo_core::block::Refresh;
use shampoo_core::config::Config;
use shampoo_core::error::RootError;
use shampoo_core::linalg::inverse_root::{Outcome, Report, Request};
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::{Mode, Poll, Slot};
use shampoo_core::statistics::trace;

use super::graft::average;
use super::modes::{gram, product};
use super::newton;
use super::triangle::Triangle;
use crate::accelerator::AcceleratorFactor;
use crate::candle::CandleError;

/// State of one factor.
#[derive(Debug)]
pub(super) struct State {
    mode: usize,
    triangle: Arc<Triangle>,
    statistics: Tensor,
    root: Option<Tensor>,
    slot: Slot,
}

impl State {
    /// A factor along a mode before its first gradient.
    pub(super) fn new(mode: usize, triangle: Arc<Triangle>, initial: f64, device: &Device) -> Result<Self> {
        let statistics = (Tensor::eye(triangle.order(), DType::F32, device)? * initial)?;
        Ok(Self { mode, triangle, statistics, root: None, slot: Slot::EMPTY })
    }

    /// Order of the matrices.
    pub(super) fn order(&self) -> usize {
        self.triangle.order()
    }

    /// What is installed and under way.
    pub(super) fn slot(&mut self) -> &mut Slot {
        &mut self.slot
    }

    /// Takes the gradient of its block into the statistics.
    pub(super) fn accumulate(&mut self, g: &Tensor, config: &Config) -> Result<()> {
        self.statistics = average(&self.statistics, &gram(g, self.mode)?, config.averaging)?;
        Ok(())
    }

    /// Whether there is a root.
    pub(super) fn is_ready(&self) -> bool {
        self.root.is_some()
    }

    /// The product with the root along its mode; `g` itself where there is none.
    pub(super) fn precondition(&self, g: &Tensor) -> Result<Tensor> {
        self.root.as_ref().map_or_else(|| Ok(g.clone()), |root| product(root, g, self.mode))
    }

    /// Bytes of the statistics and of a root.
    pub(super) fn state_bytes(&self) -> usize {
        2 * self.statistics.elem_count() * size_of::<f32>()
    }
}

/// A factor of one parameter in one step.
#[derive(Debug)]
pub struct Factor<'a> {
    pub(super) state: &'a mut State,
    pub(super) config: &'a Config,
    /// Preconditioned modes of its block.
    pub(super) modes: usize,
    pub(super) roots_on_device: bool,
}

impl<P: Precision<Work = f32, Store = f32>> AcceleratorFactor<P> for Factor<'_> {
    type Error = CandleError;

    fn order(&self) -> usize {
        self.state.order()
    }

    fn slot(&mut self) -> &mut Slot {
        &mut self.state.slot
    }

    fn mode(&self) -> Mode {
        self.config.schedule.mode
    }

    fn poll(&self, step: u64) -> Poll {
        self.config.schedule.poll(&self.state.slot, step, self.config.first_refresh())
    }

    fn fetch(&mut self, snapshot: u64, triangle: &mut [f32]) -> core::result::Result<Request, CandleError> {
        self.state.triangle.fetch(&self.state.statistics, triangle)?;
        let scale = self.config.root_scale(trace::<f32, _>(triangle), snapshot);
        Ok(Request { scale, ..self.config.request(self.modes) })
    }

    fn install(
        &mut self,
        snapshot: u64,
        root: &[f32],
        report: &core::result::Result<Report, RootError>,
    ) -> core::result::Result<Refresh, CandleError> {
        let State { triangle, root: own, slot, .. } = &mut *self.state;
        if let Ok(Report { outcome: Outcome::Accepted, .. }) = report
            && slot.accepts(snapshot)
        {
            *own = Some(triangle.send(root)?);
        }
        Ok(Refresh::conclude(slot, snapshot, report))
    }

    fn inverse_root(&mut self, request: &Request, root: &mut [f32]) -> Option<core::result::Result<f64, CandleError>> {
        let State { triangle, statistics, .. } = &*self.state;
        let found = if self.roots_on_device { newton::inverse_root(statistics, request) } else { Ok(None) };
        let computed = found.and_then(|found| {
            let Some((matrix, ridge)) = found else { return Ok(None) };
            triangle.fetch(&matrix, root)?;
            Ok(Some(ridge))
        });
        computed.map_err(CandleError::from).transpose()
    }
}
