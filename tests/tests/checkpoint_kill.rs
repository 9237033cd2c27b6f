//! A process that is killed while it saves leaves the old checkpoint or the new one, never a broken one.

#![cfg(unix)]

mod runtime_support;

use core::time::Duration;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use runtime_support::{Bench, Shapes, State, gradients};
use shampoo_core::config::Config;
use shampoo_core::kernel::Portable;
use shampoo_core::schedule::Mode;
use shampoo_runtime::{Builder, SERVER_CONFIG};
use shampoo_tests::generate::Random;

const SHAPES: Shapes<'static> = &[("a", &[40, 30]), ("b", &[20, 10])];
const FILE: &str = "SHAMPOO_KILLED_FILE";
const SAVED: &str = "saved";
const KILLS: u64 = 100;
const STEPS: usize = 24;

fn bench() -> Bench<Portable> {
    let config = Config { block_size: 16, merge_limit: 16, ..SERVER_CONFIG };
    let builder = Builder::new().config(config).kernel(Portable).mode(Mode::Pipelined { delay: 2 });
    Bench::new(builder.inline(), SHAPES)
}

fn step(bench: &mut Bench<Portable>, step: usize) {
    bench.step(&gradients(&mut Random::new(step as u64), SHAPES));
}

/// The process to be killed: it saves for ever, and says so once the first file is there.
#[test]
#[ignore = "a part of the test below"]
fn save_for_ever() {
    let Some(path) = std::env::var_os(FILE) else { return };
    let path = Path::new(&path);
    loop {
        let mut bench = bench();
        for t in 0..STEPS {
            step(&mut bench, t);
            bench.optimizer.save(path).expect("a writable folder");
            println!("{SAVED}");
        }
    }
}

#[test]
fn a_killed_process_leaves_a_whole_checkpoint() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.safetensors");
    let mut unbroken = bench();
    // Without the values of the parameters, which a checkpoint does not hold.
    let kept = |bench: &Bench<Portable>| -> State {
        let mut state = bench.state();
        state.parameters.iter_mut().for_each(|parameter| parameter.values.clear());
        state
    };
    let mut states = vec![kept(&unbroken)];
    for t in 0..STEPS {
        step(&mut unbroken, t);
        states.push(kept(&unbroken));
    }
    let mut random = Random::new(5);
    let mut seen = std::collections::BTreeSet::new();
    for kill in 0..KILLS {
        let mut child = Command::new(std::env::current_exe().expect("this test"))
            .args(["--exact", "save_for_ever", "--ignored", "--nocapture"])
            .env(FILE, &path)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a process");
        let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        for _ in 0..=random.below(8) {
            assert!(lines.any(|line| line.expect("text").ends_with(SAVED)), "it ended by itself");
        }
        std::thread::sleep(Duration::from_micros(random.below(5_000) as u64));
        child.kill().expect("SIGKILL");
        child.wait().expect("its end");
        let mut loaded = bench();
        loaded.optimizer.load(&path).unwrap_or_else(|error| panic!("kill {kill}: {error}"));
        let steps = loaded.optimizer.steps();
        assert_eq!(kept(&loaded), states[steps as usize], "kill {kill}");
        seen.insert(steps);
        // The old file, or the new one, and at most one that was never finished.
        assert!(std::fs::read_dir(&folder).expect("a folder").count() <= 2);
    }
    assert!(seen.len() > 3, "killed at the same step each time: {seen:?}");
}
