//! Contenders take turns in every round; what counts is the median over the rounds.

use core::hint::black_box;
use std::time::Instant;

use indicatif::ProgressBar;
use shampoo_core::mat::packed::packed_len;
use shampoo_tests::generate::packed_to_full;
use shampoo_tests::oracle::root::relative_error;

use super::contenders::{Contender, Worker};
use super::inputs::Inputs;
use super::row::Row;
use crate::error::Error;
use crate::spread::Spread;

/// Seconds that one contender is timed for in one round of single roots.
const TURN: f64 = 4e-3;

/// What is timed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub(super) n: usize,
    /// Matrices at a time.
    pub(super) count: usize,
    pub(super) threads: usize,
    pub(super) rounds: usize,
}

impl Plan {
    pub(super) fn single(n: usize, rounds: usize) -> Self {
        Self { n, count: 1, threads: 1, rounds }
    }

    pub(super) fn batch(n: usize, count: usize, threads: usize, rounds: usize) -> Self {
        Self { n, count, threads, rounds }
    }
}

/// One contender's workers, one a thread, and what they write.
struct Team {
    contender: Contender,
    workers: Vec<Box<dyn Worker + Send>>,
    roots: Vec<f32>,
    microseconds: Vec<f64>,
    all_found: bool,
}

/// Times the contenders that there are.
///
/// # Errors
/// A root that a contender did not find.
pub(super) fn rows(
    plan: &Plan,
    inputs: &Inputs,
    contenders: &[Contender],
    bar: &ProgressBar,
) -> Result<Vec<Row>, Error> {
    let batch = inputs.batch(plan.count);
    let mut teams: Vec<Team> = contenders
        .iter()
        .filter(|contender| contender.takes_part(plan.n, plan.count))
        .filter_map(|&contender| {
            let workers = (0..plan.threads).map(|_| contender.worker(plan.n)).collect::<Option<_>>()?;
            let roots = vec![0.0; batch.len()];
            Some(Team { contender, workers, roots, microseconds: Vec::new(), all_found: true })
        })
        .collect();
    for _ in 0..plan.rounds {
        for team in &mut teams {
            // The first call of a turn meets cold caches, which only a batch is long enough to bear.
            if plan.count == 1 {
                team.run(plan, &batch);
            }
            let (start, mut calls) = (Instant::now(), 0_u32);
            while calls == 0 || (plan.count == 1 && start.elapsed().as_secs_f64() < TURN) {
                team.run(plan, &batch);
                calls += 1;
            }
            team.microseconds.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(calls));
        }
        bar.set_message(format!("n {} x {}", plan.n, plan.count));
        bar.inc(1);
    }
    let baseline = teams.first().map(|team| team.microseconds.clone()).unwrap_or_default();
    teams.iter().map(|team| team.row(plan, inputs, &baseline)).collect()
}

impl Team {
    /// All matrices once: every thread takes an equal share of neighbours.
    fn run(&mut self, plan: &Plan, batch: &[f32]) {
        let length = packed_len(plan.n);
        let share = plan.count.div_ceil(plan.threads) * length;
        let parts = batch.chunks(share).zip(self.roots.chunks_mut(share)).zip(&mut self.workers);
        let mut parts = parts.map(|((triangles, roots), worker)| (triangles, roots, worker));
        self.all_found &= if plan.threads == 1 {
            parts.all(|(triangles, roots, worker)| all_roots(worker, triangles, roots, length))
        } else {
            std::thread::scope(|scope| {
                let start =
                    |(triangles, roots, worker)| scope.spawn(move || all_roots(worker, triangles, roots, length));
                let threads: Vec<_> = parts.map(start).collect();
                threads.into_iter().all(|thread| thread.join().unwrap_or(false))
            })
        };
    }

    fn row(&self, plan: &Plan, inputs: &Inputs, baseline: &[f64]) -> Result<Row, Error> {
        let Contender { method, kernel, certificate, .. } = self.contender;
        if !self.all_found {
            return Err(Error::NoRoot { method, n: plan.n });
        }
        let errors = self.roots.chunks(packed_len(plan.n)).zip(&inputs.truths).map(|(root, truth)| {
            let root: Vec<f64> = root.iter().map(|&x| f64::from(x)).collect();
            relative_error(plan.n, &packed_to_full(plan.n, &root), truth)
        });
        let median = |numbers: &mut dyn Iterator<Item = f64>| Spread::of(numbers).map_or(f64::NAN, |s| s.median);
        Ok(Row {
            n: plan.n,
            batch: plan.count,
            threads: plan.threads,
            method,
            kernel,
            certificate,
            microseconds: median(&mut self.microseconds.iter().copied()),
            relative_error: errors.fold(0.0, f64::max),
            times_faster: median(&mut baseline.iter().zip(&self.microseconds).map(|(base, own)| base / own)),
        })
    }
}

/// One worker's share; whether it found every root.
fn all_roots(worker: &mut Box<dyn Worker + Send>, triangles: &[f32], roots: &mut [f32], length: usize) -> bool {
    worker.roots(black_box(triangles), roots, length)
}
