//! The host as an [`Accelerator`]: core's tensors, spread over the executor's threads.

use shampoo_core::block::{Factor, Refresh};
use shampoo_core::graft::Norms;
use shampoo_core::kernel::Kernel;
use shampoo_core::scalar::Precision;
use shampoo_core::schedule::Demand;

use crate::accelerator::Accelerator;
use crate::entry::{Entry, Sources, Workers};
use crate::error::Error;

/// All parameters in one step.
pub(crate) struct Host<'a, P: Precision, K, S> {
    pub(crate) entries: &'a mut [Entry<P>],
    pub(crate) workers: Workers<'a, P, K>,
    pub(crate) sources: &'a S,
}

impl<P, K, S> Accelerator<P> for Host<'_, P, K, S>
where
    P: Precision,
    K: Kernel<P::Work> + Kernel<P::Root> + Sync,
    S: Sources<P::Work>,
{
    type Error = Error;
    type Factor<'a>
        = Factor<'a, P>
    where
        Self: 'a;

    fn parameters(&self) -> usize {
        self.entries.len()
    }

    fn count(&self, parameter: usize) -> Option<u64> {
        self.entries.get(parameter).and_then(Entry::count)
    }

    fn check(&mut self) -> Result<(), Error> {
        let Self { entries, workers, sources } = self;
        workers.executor.each(entries, |entry| entry.check(*sources), |(), ()| ());
        match entries.iter().find_map(|entry| entry.refused.map(|refused| (&entry.name, refused))) {
            Some((name, source)) => Err(Error::Step { parameter: name.clone(), source }),
            None => Ok(()),
        }
    }

    fn accumulate(&mut self) -> Result<u32, Error> {
        let Self { entries, workers, sources } = self;
        Ok(workers.executor.each(entries, |entry| entry.accumulate(workers, *sources), sum))
    }

    fn refresh(&mut self) -> Result<Refresh, Error> {
        let Self { entries, workers, .. } = self;
        set_levels(entries, workers);
        Ok(workers.executor.each(entries, |entry| entry.refresh(workers), Refresh::merge))
    }

    fn is_driven(&self, parameter: usize) -> bool {
        self.entries.get(parameter).is_some_and(Entry::is_offloaded)
    }

    fn factors(&mut self, parameter: usize) -> impl Iterator<Item = Factor<'_, P>> {
        self.entries.get_mut(parameter).into_iter().flat_map(|entry| entry.tensor.factors().each())
    }

    fn apply(&mut self, rate: f64) -> Result<u32, Error> {
        let Self { entries, workers, sources } = self;
        let graft = |entry: &mut Entry<P>| {
            let lost = entry.graft(workers, *sources);
            lost + if entry.is_global() { 0 } else { entry.finish(workers, *sources, None, rate) }
        };
        let unfinished = workers.executor.each(entries, graft, sum);
        // In order of registration: sums of lengths depend on it.
        let global = entries.iter().filter_map(Entry::norms).reduce(Norms::merge);
        if !entries.iter().any(Entry::is_global) {
            return Ok(unfinished);
        }
        let finish = |entry: &mut Entry<P>| entry.finish(workers, *sources, global, rate);
        Ok(unfinished + workers.executor.each(entries, finish, sum))
    }
}

fn sum(a: u32, b: u32) -> u32 {
    a + b
}

/// Notes in every adaptive parameter the urgency from which on its factors get roots in this step; parameters with the same
/// rule share its budget.
fn set_levels<P, K>(entries: &mut [Entry<P>], workers: &Workers<'_, P, K>)
where
    P: Precision,
    K: Kernel<P::Root> + Sync,
{
    if !entries.iter().any(|entry| entry.rule().is_some()) {
        return;
    }
    workers.executor.each(entries, |entry| entry.observe(workers), |(), ()| ());
    while let Some(rule) = entries.iter().filter(|entry| entry.level.is_none()).find_map(Entry::rule) {
        let own = |entry: &&Entry<P>| entry.rule() == Some(rule);
        let level = rule.level(|below| {
            entries.iter().filter(own).filter_map(|entry| entry.tensor.demand(below)).reduce(Demand::merge)
        });
        entries.iter_mut().filter(|entry| entry.rule() == Some(rule)).for_each(|entry| entry.level = Some(level));
    }
}
