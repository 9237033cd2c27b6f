//! The same bits with any number of threads, and whether `Vec`s or arrays hold the state.

use crate::runtime_support::{Bench, Shapes, bits, gaussians, settings};
use shampoo_core::config::Config;
use shampoo_core::kernel::{Kernel, Portable};
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::scalar::{F32RootF64, F64};
use shampoo_core::schedule::{Schedule, Slot};
use shampoo_core::tensor::{Tensor, Workspace};
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{Builder, Gradient, ParameterMut, SERVER_CONFIG};
use shampoo_tests::generate::Random;

/// Ranks 1 to 4, cut into blocks of at most 3 with a smaller one at the end.
const SHAPES: Shapes<'static> =
    &[("one", &[11]), ("two", &[7, 5]), ("three", &[4, 5, 3]), ("four", &[3, 2, 4, 2]), ("small", &[2, 2])];

fn assert_threads_do_not_matter<K: Kernel<f32> + Kernel<f64> + Copy + Send + 'static>(kernel: K) {
    let schedule = Schedule { precondition_every: 2, ..Schedule::EVERY_STEP };
    let often = settings().map(|config| (config, config.schedule));
    for (config, schedule) in often.into_iter().chain([(SERVER_CONFIG, schedule)]) {
        let config = Config { block_size: 3, merge_limit: 1, precondition_vectors: true, schedule, ..config };
        let builder = Builder::new().config(config).kernel(kernel);
        let mut inline = Bench::new(builder.clone().inline(), SHAPES);
        assert!(!config.precondition || inline.optimizer.tensor("three").unwrap().partition().block_count() == 4);
        let right = inline.steps(41, 5);
        for threads in 1..=3 {
            let mut bench = Bench::new(builder.clone().threads(threads), SHAPES);
            for (report, right) in bench.steps(41, 5).iter().zip(&right) {
                assert_eq!(report.refresh, right.refresh, "{threads} threads");
            }
            assert_eq!(bench.state(), inline.state(), "{threads} threads");
        }
    }
}

#[test]
fn threads_do_not_matter_with_the_server_kernel() {
    assert_threads_do_not_matter(Server::new());
}

#[test]
fn threads_do_not_matter_with_the_portable_kernel() {
    assert_threads_do_not_matter(Portable);
}

#[test]
fn blocks_large_enough_for_the_library_to_cut_its_products() {
    let shapes: Shapes<'_> = &[("wide", &[100, 210]), ("tall", &[130, 40])];
    let [mut inline, mut threads] =
        [Builder::new().inline(), Builder::new().threads(3)].map(|builder| Bench::new(builder, shapes));
    inline.steps(42, 2);
    threads.steps(42, 2);
    assert_eq!(threads.state(), inline.state());
}

#[test]
fn array_backed_core_equals_the_runtime() {
    let kernel = Portable;
    for builder in [Builder::new().inline(), Builder::new().threads(2)] {
        let mut bench = Bench::new(builder.kernel(kernel).learning_rate(0.01), &[("w", &[3, 4])]);
        // 6 + 10 statistics, as many roots, 12 numbers of RMSProp, 12 of momentum.
        let (kept, work) = ([7.0; 16], [7.0; 12]);
        let mut array: Tensor<F32RootF64, [f32; 16], [f32; 12], [Slot; 2]> =
            Tensor::new(&[3, 4], SERVER_CONFIG, kept, kept, work, work, [Slot::EMPTY; 2]).unwrap();
        let mut weights = [0.0_f32; 12];
        weights.copy_from_slice(bench.values("w"));
        let (mut direction, mut work) = ([f32::NAN; 12], [f32::NAN; 28]);
        let mut root = [f64::NAN; inverse_root_workspace_len(4)];
        let mut random = Random::new(43);
        for _ in 0..6 {
            let gradient = gaussians(&mut random, 12);
            let mut update = [f32::NAN; 12];
            let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
            let refresh = array.step(&weights, &gradient, 0.01, &mut update, &mut workspace, &kernel).unwrap();
            weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
            let report = bench.step(&[("w", gradient)]);
            assert_eq!(report.refresh, refresh);
            let state = bench.state_of("w");
            assert_eq!(state.values, bits(&weights));
            assert_eq!((state.statistics, state.roots), (bits(array.statistics()), bits(array.roots())));
            assert_eq!((state.graft, state.momentum), (bits(array.graft_state()), bits(array.momentum())));
            assert_eq!((&state.slots[..], state.count), (array.slots(), array.count()));
        }
    }
}

#[test]
fn in_f64_too() {
    let shape = [7, 5];
    let run = |builder: Builder<F64>| {
        let mut optimizer = builder.block_size(3).parameter("w", &shape).build().unwrap();
        let (mut values, mut random) = (vec![0.5; 35], Random::new(44));
        for _ in 0..4 {
            let gradient = random.gaussians(35);
            let parameters = &mut [ParameterMut { name: "w", shape: &shape, values: &mut values }];
            optimizer.step(parameters, &[Gradient { name: "w", shape: &shape, values: &gradient }]).unwrap();
        }
        let tensor = optimizer.tensor("w").unwrap();
        [&values[..], tensor.statistics(), tensor.roots(), tensor.momentum()].concat()
    };
    let right = run(Builder::with_precision().inline());
    assert!(right.iter().all(|x| x.is_finite()));
    for threads in 1..=3 {
        let found = run(Builder::with_precision().threads(threads));
        assert!(found.iter().zip(&right).all(|(x, y)| x.to_bits() == y.to_bits()), "{threads} threads");
    }
}
