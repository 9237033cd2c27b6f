//! The same numbers whatever memory holds them and whoever does which part.

use crate::common::run::{Run, narrow};
use shampoo_core::block::{Blocks, Factors, Refresh};
use shampoo_core::config::Config;
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Tensor, Workspace};
use shampoo_tests::generate::Random;

type P = F32RootF64;

#[test]
fn array_backed_equals_vec_backed() {
    let config = Config::DEFAULT;
    let mut heap = Run::<P>::new(&[3, 4], config).with_weights(&[0.5; 12]);
    // 6 + 10 statistics, as many roots, 12 numbers of RMSProp, 12 of momentum.
    let mut array: Tensor<P, [f32; 16], [f32; 12], [Slot; 2]> =
        Tensor::new(&[3, 4], config, [7.0; 16], [7.0; 16], [7.0; 12], [7.0; 12], [Slot::EMPTY; 2]).unwrap();
    let mut weights = [0.5_f32; 12];
    let (mut direction, mut work) = ([f32::NAN; 12], [f32::NAN; 28]);
    let mut root = [f64::NAN; inverse_root_workspace_len(4)];
    let mut random = Random::new(41);
    for _ in 0..6 {
        let gradient = random.gaussians(12);
        let from_heap = narrow::<f32>(&heap.step(&gradient, 0.01));
        let mut update = [f32::NAN; 12];
        let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
        array.step(&weights, &narrow(&gradient), 0.01, &mut update, &mut workspace, &Portable).unwrap();
        weights.iter_mut().zip(update).for_each(|(w, u)| *w += u);
        assert_eq!(update.map(f32::to_bits).to_vec(), from_heap.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
    }
    let same = |x: &[f32], y: &[f32]| x.iter().map(|x| x.to_bits()).eq(y.iter().map(|y| y.to_bits()));
    assert!(same(array.statistics(), heap.tensor.statistics()) && same(array.roots(), heap.tensor.roots()));
    assert!(same(array.graft_state(), heap.tensor.graft_state()) && same(array.momentum(), heap.tensor.momentum()));
    assert!(same(&weights, &heap.weights));
    assert_eq!((array.slots(), array.count()), (heap.tensor.slots(), heap.tensor.count()));
}

#[test]
fn borrowed_memory_serves_as_well() {
    let config = Config::diagonal(shampoo_core::graft::Graft::AdaGrad { epsilon: 0.0 });
    let (mut none, mut no_root) = ([0.0_f32; 0], [0.0_f32; 0]);
    let (mut graft, mut momentum, mut slots) = ([0.0_f32; 2], [0.0_f32; 0], [Slot::EMPTY; 0]);
    let tensor = Tensor::<P, &mut [f32], &mut [f32], &mut [Slot]>::new(
        &[2],
        config,
        &mut none,
        &mut no_root,
        &mut graft,
        &mut momentum,
        &mut slots,
    );
    assert_eq!(tensor.unwrap().lengths().graft, 2);
}

fn halves(factors: Factors<'_, P>, depth: u32, visit: &mut impl FnMut(Factors<'_, P>)) {
    if depth == 0 || factors.len() < 2 {
        return visit(factors);
    }
    let (first, rest) = factors.halve();
    // The other way round: order must not matter.
    halves(rest, depth - 1, visit);
    halves(first, depth - 1, visit);
}

fn block_halves(blocks: Blocks<'_, P>, depth: u32, visit: &mut impl FnMut(Blocks<'_, P>)) {
    if depth == 0 || blocks.len() < 2 {
        return visit(blocks);
    }
    let (first, rest) = blocks.halve();
    block_halves(rest, depth - 1, visit);
    block_halves(first, depth - 1, visit);
}

#[test]
fn parts_done_in_any_order_equal_the_whole() {
    let config = Config { block_size: 3, merge_limit: 1, ..Config::DEFAULT };
    for shape in [&[7_usize, 5][..], &[4, 5, 3]] {
        for depth in [1, 2, 10] {
            let mut whole = Run::<P>::new(shape, config);
            let mut parts = Run::<P>::new(shape, config);
            let need = whole.tensor.lengths();
            let (mut direction, mut work) = (vec![0.0; need.numel], vec![0.0; need.work]);
            let mut root = vec![0.0; need.root];
            let mut random = Random::new(42);
            for step in 0..3 {
                let gradient: Vec<f32> = narrow(&random.gaussians(need.numel));
                let mut right = vec![0.0; need.numel];
                whole.try_step(&gradient, 0.1, &mut right).unwrap();
                let tensor = &mut parts.tensor;
                tensor.prepare(&parts.weights, &gradient, &Portable);
                halves(tensor.factors(), depth, &mut |f| f.accumulate(&gradient, &mut work, &Portable));
                let mut refresh = Refresh::default();
                halves(tensor.factors(), depth, &mut |f| {
                    refresh = refresh.merge(f.refresh(step, f64::INFINITY, &mut root, &Portable))
                });
                let blocks = tensor.blocks(&mut direction).expect("preconditioned from the first step on");
                block_halves(blocks, depth, &mut |b| b.precondition(&gradient, &mut work, &Portable));
                let mut update = vec![0.0; need.numel];
                let norms = tensor.graft(&parts.weights, &gradient, &direction, &mut update, &mut work, &Portable);
                tensor.finish(&parts.weights, &direction, norms, 0.1, &mut update, &mut work, &Portable);
                parts.weights.iter_mut().zip(&update).for_each(|(w, u)| *w += u);
                assert_eq!(update, right, "{shape:?} at depth {depth}");
                assert_eq!(refresh, whole.refresh);
            }
            assert_eq!(parts.state(), whole.state());
        }
    }
}

#[test]
fn workspace_contents_do_not_matter() {
    let mut clean = Run::<P>::new(&[4, 3], Config::DEFAULT);
    let mut dirty = clean.clone();
    let mut random = Random::new(43);
    for _ in 0..3 {
        dirty.spoil_workspace();
        let gradient = random.gaussians(12);
        assert_eq!(clean.step(&gradient, 0.1), dirty.step(&gradient, 0.1));
    }
    assert_eq!(clean.state(), dirty.state());
}
