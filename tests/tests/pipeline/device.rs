//! A pipeline over a device that fails: the error goes to the caller, and a caller that goes on loses one root.

use core::time::Duration;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};

use shampoo_core::block::Refresh;
use shampoo_core::error::RootError;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::{Exponent, Outcome, Report, Request};
use shampoo_core::scalar::F64;
use shampoo_core::schedule::{Mode, Poll, Schedule, Slot};
use shampoo_runtime::accelerator::{Accelerator, AcceleratorFactor};
use shampoo_runtime::pipeline::{Options, Pipeline};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    Fetch,
    Install,
}

/// One factor of order 2, with statistics diag(16, 81).
#[derive(Default)]
struct Device {
    slot: Slot,
    mode: Mode,
    count: u64,
    fault: Option<Fault>,
    root: Vec<f64>,
}

impl Accelerator<F64> for Device {
    type Error = Fault;
    type Factor<'a> = Handle<'a>;

    fn parameters(&self) -> usize {
        1
    }
    fn count(&self, _: usize) -> Option<u64> {
        Some(self.count)
    }
    fn check(&mut self) -> Result<(), Fault> {
        Ok(())
    }
    fn accumulate(&mut self) -> Result<u32, Fault> {
        Ok(0)
    }
    fn refresh(&mut self) -> Result<Refresh, Fault> {
        Ok(Refresh::default())
    }
    fn is_driven(&self, _: usize) -> bool {
        true
    }
    fn factors(&mut self, _: usize) -> impl Iterator<Item = Handle<'_>> {
        core::iter::once(Handle(self))
    }
    fn apply(&mut self, _: f64) -> Result<u32, Fault> {
        self.count += 1;
        Ok(0)
    }
}

struct Handle<'a>(&'a mut Device);

impl Handle<'_> {
    fn fail(&mut self, fault: Fault) -> Result<(), Fault> {
        if self.0.fault == Some(fault) { Err(fault) } else { Ok(()) }
    }
}

impl AcceleratorFactor<F64> for Handle<'_> {
    type Error = Fault;

    fn order(&self) -> usize {
        2
    }
    fn slot(&mut self) -> &mut Slot {
        &mut self.0.slot
    }
    fn mode(&self) -> Mode {
        self.0.mode
    }
    fn poll(&self, step: u64) -> Poll {
        Schedule { mode: self.0.mode, ..Schedule::EVERY_STEP }.poll(&self.0.slot, step, 0)
    }
    fn fetch(&mut self, _: u64, triangle: &mut [f64]) -> Result<Request, Fault> {
        self.fail(Fault::Fetch)?;
        triangle.copy_from_slice(&[16.0, 0.0, 81.0]);
        Ok(Request::new(Exponent::Root(4)))
    }
    fn install(&mut self, snapshot: u64, root: &[f64], report: &Result<Report, RootError>) -> Result<Refresh, Fault> {
        self.fail(Fault::Install)?;
        let report = report.as_ref().expect("a legal request");
        assert!(report.outcome == Outcome::Accepted && self.0.slot.install(snapshot));
        self.0.root = root.to_vec();
        Ok(Refresh { accepted: 1, ..Refresh::default() })
    }
}

fn in_time(f: impl FnOnce() + Send + 'static) {
    let (done, wait) = channel();
    let worker = std::thread::spawn(move || {
        f();
        let _ = done.send(());
    });
    assert!(wait.recv_timeout(Duration::from_secs(60)) != Err(RecvTimeoutError::Timeout), "it waits for ever");
    if let Err(assertion) = worker.join() {
        std::panic::resume_unwind(assertion);
    }
}

#[test]
fn a_device_that_fails_once_costs_one_root() {
    for threads in 0..=1 {
        // In the modes' own order: the step in which it fails, and the stamp one good step later.
        for (mode, fault, stamp) in [
            (Mode::Pipelined { delay: 1 }, Fault::Fetch, 2),
            (Mode::Pipelined { delay: 1 }, Fault::Install, 2),
            (Mode::Sync, Fault::Fetch, 3),
            (Mode::Sync, Fault::Install, 3),
        ] {
            in_time(move || {
                let mut device = Device { mode, ..Device::default() };
                let options = Options { threads, ..Options::default() };
                let mut pipeline = Pipeline::new(&[vec![2]], &options, Arc::new(Portable)).expect("a small pipeline");
                let mut step = |device: &mut Device| pipeline.step(device, 1.0, device.count);
                assert!(step(&mut device).is_ok() && step(&mut device).is_ok());
                let before = device.slot.stamp();
                device.fault = Some(fault);
                assert_eq!(step(&mut device), Err(fault));
                if fault == Fault::Install {
                    assert_eq!((device.slot.stamp(), device.slot.failures()), (before, 1));
                    assert_eq!(device.slot.pending(), None, "nobody waits for it any more");
                }
                device.fault = None;
                assert_eq!(step(&mut device).map(|report| report.step), Ok(2), "the same step again");
                let last = step(&mut device).expect("a healthy device");
                assert_eq!(device.slot.stamp(), Some(stamp), "{mode:?} {fault:?}");
                assert_eq!(last.refresh.accepted, 1);
                assert!((device.root[0] - 0.5).abs() < 1e-6 && (device.root[2] - 1.0 / 3.0).abs() < 1e-6);
                let bytes = pipeline.state_bytes();
                assert_eq!(bytes, 2 * 3 * 8, "one triangle and one root, whatever failed");
            });
        }
    }
}
