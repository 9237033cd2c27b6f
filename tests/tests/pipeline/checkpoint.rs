//! CASES A44 to A49: a resumed run is the unbroken one, and a file is the right one or an error.

use std::fs;
use std::path::PathBuf;

use crate::runtime_support::{Bench, Gradients, Shapes, State, gradients, settings};
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Portable;
use shampoo_core::scalar::{Bf16x2Store, F32RootF64, F64};
use shampoo_core::schedule::{Adaptive, Mode, Schedule};
use shampoo_runtime::{Builder, CheckpointError, SERVER_CONFIG, Shampoo};
use shampoo_tests::generate::Random;
use tempfile::TempDir;

const SHAPES: Shapes<'static> = &[("a", &[9, 7]), ("b", &[5, 4, 3]), ("c", &[6])];

/// A folder, and a file in it.
fn file() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("state.safetensors");
    (folder, path)
}

fn small(config: Config) -> Config {
    Config { block_size: 4, merge_limit: 4, ..config }
}

fn builder(config: Config) -> Builder<F32RootF64, Portable> {
    Builder::new().config(small(config)).kernel(Portable).learning_rate(0.01)
}

fn scheduled(mode: Mode, schedule: Schedule) -> Config {
    Config { schedule: Schedule { mode, ..schedule }, ..SERVER_CONFIG }
}

/// CASES A46: 3 parameters, start 5, statistics every 2, roots every 3.
const UNEVEN: Schedule =
    Schedule { start_preconditioning_step: 5, statistics_every: 2, precondition_every: 3, mode: Mode::Sync };

/// Runs to step 12, once unbroken and once for every step at which it is saved and resumed by a new process's optimizer.
fn assert_resumes(build: impl Fn() -> Builder<F32RootF64, Portable>, gradients: impl Fn(usize) -> Gradients) {
    let (_folder, path) = file();
    let mut unbroken = Bench::new(build(), SHAPES);
    let states: Vec<State> = (0..12)
        .map(|t| {
            unbroken.step(&gradients(t));
            unbroken.state()
        })
        .collect();
    for broken in 1..12 {
        let mut first = Bench::new(build(), SHAPES);
        (0..broken).for_each(|t| _ = first.step(&gradients(t)));
        first.optimizer.save(&path).expect("a writable folder");
        let mut second = Bench::new(build(), SHAPES);
        for (name, _) in SHAPES {
            second.values(name).clone_from(first.values(name));
        }
        second.optimizer.load(&path).expect("the file just written");
        assert_eq!(second.state(), states[broken - 1], "loaded at {broken}");
        for (t, right) in states.iter().enumerate().skip(broken) {
            second.step(&gradients(t));
            assert_eq!(second.state(), *right, "saved after {broken}, at {t}");
            // Saving changes nothing, here or there.
            first.step(&gradients(t));
            assert_eq!(first.state(), *right, "saved after {broken}, at {t}");
        }
    }
}

fn all(step: usize) -> Gradients {
    gradients(&mut Random::new(90 + step as u64), SHAPES)
}

#[test]
fn a46_every_resumed_run_is_the_unbroken_one() {
    let adaptive = Adaptive { drift: 0.3, flops: 5000, max_staleness: 4 };
    for mode in [Mode::Sync, Mode::Pipelined { delay: 2 }, Mode::Pipelined { delay: 4 }, Mode::Adaptive(adaptive)] {
        for schedule in [UNEVEN, Schedule::EVERY_STEP] {
            let config = scheduled(mode, schedule);
            assert_resumes(|| builder(config), all);
            assert_resumes(|| builder(config).staggered(true).root_threads(0), all);
            assert_resumes(|| builder(config).wait_for_first_roots(true), all);
        }
    }
    for config in settings() {
        assert_resumes(|| builder(config), all);
    }
}

#[test]
fn a47_a_gradient_may_be_missing_after_a_load() {
    let without_b = |t| {
        let mut all = all(t);
        if t % 3 == 0 {
            all.retain(|(name, _)| *name != "b");
        }
        all
    };
    assert_resumes(|| builder(scheduled(Mode::Pipelined { delay: 2 }, UNEVEN)), without_b);
}

#[test]
fn a44_files_neither_grow_nor_forget() {
    let (_folder, path) = file();
    let build = || builder(scheduled(Mode::Pipelined { delay: 2 }, Schedule::EVERY_STEP));
    let mut bench = Bench::new(build(), SHAPES);
    (0..5).for_each(|t| _ = bench.step(&all(t)));
    bench.optimizer.save(&path).expect("a writable folder");
    let mut unbroken = bench;
    let size = fs::metadata(&path).expect("a file").len();
    for t in 5..8 {
        let mut next = Bench::new(build(), SHAPES);
        for (name, _) in SHAPES {
            next.values(name).clone_from(unbroken.values(name));
        }
        next.optimizer.load(&path).expect("the file just written");
        next.step(&all(t));
        unbroken.step(&all(t));
        assert_eq!(next.state(), unbroken.state());
        next.optimizer.save(&path).expect("a writable folder");
        assert_eq!(fs::metadata(&path).expect("a file").len(), size);
    }
}

#[test]
fn the_same_state_gives_the_same_bytes() {
    let (_folder, path) = file();
    let bytes = || {
        let mut bench = Bench::new(builder(scheduled(Mode::Pipelined { delay: 3 }, UNEVEN)), SHAPES);
        (0..10).for_each(|t| _ = bench.step(&all(t)));
        bench.optimizer.save(&path).expect("a writable folder");
        fs::read(&path).expect("a file")
    };
    assert!(bytes() == bytes());
}

/// A45: a reader that holds the file open keeps what it has.
#[test]
fn a45_saving_to_the_file_that_is_read() {
    use std::io::Read;
    let (folder, path) = file();
    let mut bench = Bench::new(builder(SERVER_CONFIG), SHAPES);
    bench.optimizer.save(&path).expect("a writable folder");
    let before = fs::read(&path).expect("a file");
    let mut reader = fs::File::open(&path).expect("a file");
    bench.step(&all(0));
    bench.optimizer.save(&path).expect("a writable folder");
    let mut read = Vec::new();
    reader.read_to_end(&mut read).expect("an open file");
    assert!(read == before && fs::read(&path).expect("a file") != before);
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 1, "no stray file");
}

#[test]
fn a48_work_begun_before_a_load_is_discarded() {
    let (_folder, path) = file();
    let build =
        || builder(scheduled(Mode::Pipelined { delay: 4 }, Schedule { precondition_every: 8, ..Schedule::EVERY_STEP }));
    let mut bench = Bench::new(build(), SHAPES);
    (0..4).for_each(|t| _ = bench.step(&all(t)));
    bench.optimizer.save(&path).expect("a writable folder");
    let weights: Vec<Vec<f32>> = SHAPES.iter().map(|(name, _)| bench.values(name).clone()).collect();
    // The snapshots of step 8 are under way now.
    (4..9).for_each(|t| _ = bench.step(&all(t)));
    bench.optimizer.load(&path).expect("the file just written");
    let mut fresh = Bench::new(build(), SHAPES);
    fresh.optimizer.load(&path).expect("the file just written");
    for ((name, _), weights) in SHAPES.iter().zip(&weights) {
        bench.values(name).clone_from(weights);
        fresh.values(name).clone_from(weights);
    }
    for t in 4..30 {
        bench.step(&all(t));
        fresh.step(&all(t));
        assert_eq!(bench.state(), fresh.state(), "step {t}");
    }
}

/// Loads a file where it does not belong: an error that says this, and nothing has changed.
fn assert_refused(path: &PathBuf, builder: Builder<F32RootF64, Portable>, message: &str) {
    let mut bench = Bench::built(builder, &[]);
    let before = (bench.state(), bench.optimizer.steps());
    let error = bench.optimizer.load(path).expect_err("a file that does not belong here");
    assert!(error.to_string().contains(message), "{error}");
    assert_eq!((bench.state(), bench.optimizer.steps()), before);
}

fn registered(config: Config) -> Builder<F32RootF64, Portable> {
    SHAPES.iter().fold(builder(config), |builder, (name, shape)| builder.parameter(*name, shape))
}

fn saved(path: &PathBuf, config: Config) {
    let mut bench = Bench::new(builder(config), SHAPES);
    (0..3).for_each(|t| _ = bench.step(&all(t)));
    bench.optimizer.save(path).expect("a writable folder");
}

#[test]
fn a49_other_settings_are_named_with_both_values() {
    let (_folder, path) = file();
    saved(&path, SERVER_CONFIG);
    let with = |config: Config| registered(SERVER_CONFIG).config(config);
    assert_refused(
        &path,
        with(Config { block_size: 8, ..small(SERVER_CONFIG) }),
        "block_size is 4 in the file, expected 8",
    );
    let graft = Graft::AdaGrad { epsilon: 1e-10 };
    assert_refused(&path, with(Config { graft, ..small(SERVER_CONFIG) }), "graft is RmsProp");
    let fewer = builder(SERVER_CONFIG).parameter("a", &[9, 7]).parameter("b", &[5, 4, 3]);
    assert_refused(&path, fewer.clone(), "parameter number 2 is Some(\"c\") in the file, expected None");
    assert_refused(&path, fewer.clone().parameter("d", &[6]), "expected Some(\"d\")");
    assert_refused(&path, fewer.parameter("c", &[7]), "shape is [6] in the file, expected [7]");
    let turned = builder(SERVER_CONFIG).parameter("b", &[5, 4, 3]).parameter("a", &[9, 7]).parameter("c", &[6]);
    assert_refused(&path, turned, "parameter number 0 is Some(\"a\") in the file, expected Some(\"b\")");
}

#[test]
fn a49_other_number_types_are_named() {
    let (_folder, path) = file();
    saved(&path, SERVER_CONFIG);
    fn message<P>(path: &PathBuf) -> String
    where
        P: shampoo_core::scalar::Precision,
        P::Store: shampoo_runtime::CheckpointNumber,
        P::Work: shampoo_runtime::CheckpointNumber,
        Portable: shampoo_core::kernel::Kernel<P::Work> + shampoo_core::kernel::Kernel<P::Root>,
    {
        let builder = Builder::<P>::with_precision().config(small(SERVER_CONFIG)).kernel(Portable);
        let builder = SHAPES.iter().fold(builder, |builder, (name, shape)| builder.parameter(*name, shape));
        let mut optimizer: Shampoo<P, Portable> = builder.build().expect("legal settings");
        optimizer.load(path).expect_err("other types").to_string()
    }
    assert!(message::<F64>(&path).contains("work type is F32 in the file, expected F64"));
    assert!(message::<Bf16x2Store>(&path).contains("store type is F32 in the file, expected BF16 x 2"));
}

#[test]
fn foreign_truncated_and_altered_files_are_errors() {
    let (_folder, path) = file();
    saved(&path, scheduled(Mode::Pipelined { delay: 2 }, Schedule::EVERY_STEP));
    let good = fs::read(&path).expect("a file");
    let config = scheduled(Mode::Pipelined { delay: 2 }, Schedule::EVERY_STEP);
    let mut bench = Bench::new(builder(config), SHAPES);
    let before = bench.state();
    let mut refused = |bytes: &[u8]| {
        fs::write(&path, bytes).expect("a writable folder");
        let error = bench.optimizer.load(&path).expect_err("no good file");
        assert_eq!(bench.state(), before, "{error}");
        error
    };
    for end in (0..good.len()).step_by(good.len() / 200 + 1) {
        assert!(matches!(refused(&good[..end]), CheckpointError::Format { .. }), "cut at {end}");
    }
    // A bit anywhere: in the header's length, in the names, in the numbers.
    let mut random = Random::new(7);
    for _ in 0..300 {
        let mut bytes = good.clone();
        bytes[random.below(good.len())] ^= 1 << random.below(8);
        refused(&bytes);
    }
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let foreign = [&(header.len() as u64).to_le_bytes()[..], header, &[0; 4]].concat();
    assert!(matches!(refused(&foreign), CheckpointError::Foreign { .. }));
    let version = br#"{\"version\":1"#;
    let place = good.windows(version.len()).position(|bytes| bytes == version).expect("a version in the header");
    let mut later = good.clone();
    later[place + version.len() - 1] = b'2';
    assert!(matches!(refused(&later), CheckpointError::Version { found: 2, expected: 1 }));
    assert!(matches!(bench.optimizer.load("/no/such/file"), Err(CheckpointError::Io { .. })));
    fs::write(&path, &good).expect("a writable folder");
    bench.optimizer.load(&path).expect("the good file");
}
