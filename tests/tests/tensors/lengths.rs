//! Lengths known to the compiler, those known at run time and what a tensor takes: one formula.

use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::{ConfigError, ShapeError};
use shampoo_core::graft::Graft;
use shampoo_core::linalg::inverse_root::Ridge;
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::partition::{Merge, Sides, merge_small_dims};
use shampoo_core::scalar::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootF64, F64, Precision};
use shampoo_core::schedule::Slot;
use shampoo_core::statistics::Averaging;
use shampoo_core::tensor::{Lengths, Tensor, lengths, state_bytes, state_len};

const ONE_SIDED: Config = Config { sides: Sides::Smallest, ..Config::DEFAULT };
const FULL: Graft = Graft::FullMatrix { ridge: Ridge::Relative(1e-6) };
const UNCUT: Config = Config { block_size: usize::MAX, ..Config::DEFAULT };
const CONFIGS: [Config; 17] = [
    Config::DEFAULT,
    Config::talk_2021(),
    Config::diagonal(Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 }),
    ONE_SIDED,
    UNCUT,
    Config { block_size: 7, merge_limit: 1, packed_products: true, ..Config::DEFAULT },
    Config { block_size: 20, merge: Merge::Reverse { target_rank: 2 }, merge_limit: 64, ..Config::DEFAULT },
    Config { merge: Merge::Keep, precondition_vectors: true, graft: Graft::Sgd, ..Config::DEFAULT },
    Config { max_preconditioned_dim: 40, momentum: Momentum::NONE, ..UNCUT },
    Config {
        momentum: Momentum { buffers: Buffers::Two, ..Momentum::heavy_ball(0.5) },
        packed_products: true,
        ..UNCUT
    },
    Config { block_size: 3, merge: Merge::ReverseUnguarded { target_rank: 1 }, ..ONE_SIDED },
    Config { filter: Filter { beta1: 0.9, bias_correction: true }, normalize_graft: true, ..Config::DEFAULT },
    Config { weight_decay: WeightDecay::Gradient(0.1), filter: Filter { beta1: 0.5, bias_correction: false }, ..UNCUT },
    Config { graft: Graft::Adam { beta1: 0.9, beta2: 0.99, epsilon: 0.0 }, block_size: 8, ..Config::DEFAULT },
    Config { weight_decay: WeightDecay::Gradient(0.1), ..Config::diagonal(Graft::Lars { beta: 0.1 }) },
    Config { graft: Graft::Momentum { beta1: 0.9, nesterov: true }, precondition_vectors: true, ..ONE_SIDED },
    Config { block_size: 5, normalize_graft: true, ..Config::diagonal(FULL) },
];
const SHAPES: [&[usize]; 9] =
    [&[64, 32], &[50, 7], &[3, 5, 7], &[9], &[], &[1, 1], &[0, 4], &[8, 4, 3, 3], &[1, 2, 1, 2, 1, 2, 1, 2, 1, 2]];

/// Every length, worked out by the compiler.
static TABLE: [[Lengths; SHAPES.len()]; CONFIGS.len()] = {
    let mut table = [[Lengths::of(&[], &Config::DEFAULT); SHAPES.len()]; CONFIGS.len()];
    let mut i = 0;
    while i < CONFIGS.len() {
        let mut j = 0;
        while j < SHAPES.len() {
            table[i][j] = Lengths::of(SHAPES[j], &CONFIGS[i]);
            j += 1;
        }
        i += 1;
    }
    table
};

/// Builds the tensor, and shows that one number less or more is refused; bytes of its state.
fn allocated<P: Precision>(shape: &[usize], config: Config, need: Lengths) -> usize {
    let build = |statistics: usize, graft: usize, momentum: usize, slots: usize| {
        let (store, work) = (vec![P::Store::default(); statistics], vec![P::Work::default(); graft]);
        let momentum = vec![P::Work::default(); momentum];
        let bytes = 2 * size_of_val(&store[..]) + size_of_val(&work[..]) + size_of_val(&momentum[..]);
        let slots = vec![Slot::EMPTY; slots];
        Tensor::<P, _, _, _>::new(shape, config, store.clone(), store, work, momentum, slots).map(|_| bytes)
    };
    let Lengths { statistics, graft, momentum, slots, .. } = need;
    assert!(build(statistics + 1, graft, momentum, slots).is_err());
    assert!(build(statistics, graft + 1, momentum, slots).is_err());
    assert!(build(statistics, graft, momentum + 1, slots).is_err());
    assert!(build(statistics, graft, momentum, slots + 1).is_err());
    build(statistics, graft, momentum, slots).expect("these are the lengths")
}

/// Numbers of state by lists of blocks; how shapes are merged, other tests say.
fn counted(dims: &[usize], config: &Config) -> usize {
    let numel: usize = dims.iter().product();
    if numel == 0 {
        return 0;
    }
    let small: Vec<usize> = (0..dims.len()).filter(|&i| dims[i] <= config.max_preconditioned_dim).collect();
    let smallest = small.iter().copied().rev().min_by_key(|&i| dims[i]);
    let modes = match config.sides {
        _ if !config.precondition || dims.is_empty() || (dims.len() == 1 && !config.precondition_vectors) => vec![],
        Sides::All => small,
        Sides::Smallest => smallest.into_iter().collect(),
    };
    let mut blocks: Vec<Vec<usize>> = vec![vec![]];
    for &d in dims {
        let pieces: Vec<usize> = (0..d).step_by(config.block_size).map(|at| config.block_size.min(d - at)).collect();
        let longer = |block: &Vec<usize>, &piece: &usize| [&block[..], &[piece]].concat();
        blocks = blocks.iter().flat_map(|block| pieces.iter().map(move |piece| longer(block, piece))).collect();
    }
    let triangles = blocks.iter().flat_map(|block| modes.iter().map(|&i| block[i] * (block[i] + 1) / 2));
    let graft = match config.graft {
        Graft::None | Graft::Sgd | Graft::Lars { .. } | Graft::Sign | Graft::FixedNorm(_) => 0,
        Graft::Momentum { .. } | Graft::AdaGrad { .. } | Graft::RmsProp { .. } => numel,
        Graft::Adam { .. } => 2 * numel,
        Graft::Sm3 { .. } => dims.iter().sum::<usize>().max(1),
        Graft::FullMatrix { .. } => numel * (numel + 1),
    };
    let buffers = match config.momentum {
        Momentum { beta1: 0.0, .. } => 0,
        Momentum { buffers: Buffers::Two, .. } => 2,
        Momentum { buffers: Buffers::One, .. } => 1,
    };
    let filter = if config.filter.beta1 > 0.0 { 1 } else { 0 };
    let decayed = if matches!(config.weight_decay, WeightDecay::Gradient(_)) { 1 } else { 0 };
    2 * triangles.sum::<usize>() + graft + numel * (buffers + filter + decayed)
}

#[test]
fn the_compiler_and_the_tensor_agree() {
    for (config, row) in CONFIGS.into_iter().zip(&TABLE) {
        for (shape, &need) in SHAPES.into_iter().zip(row) {
            let found = lengths::<F32>(shape, &config);
            if matches!(found, Err(ConfigError::Shape(ShapeError::Rank { .. }))) {
                assert_eq!((config.merge, need.numel, state_len(shape, config)), (Merge::Keep, usize::MAX, usize::MAX));
                continue;
            }
            assert_eq!(found, Ok(need), "{shape:?} {config:?}");
            assert_eq!(lengths::<F32RootF64>(shape, &config), Ok(need));
            let dims = merge_small_dims(shape, config.merge_limit, config.merge).expect("not too many");
            assert_eq!(state_len(shape, config), counted(&dims, &config), "{shape:?} {config:?}");
            if need.graft > 1 << 20 {
                // Full matrices of large shapes: nothing to allocate.
                continue;
            }
            assert_eq!(state_bytes::<F32>(shape, config), allocated::<F32>(shape, config, need));
            assert_eq!(state_bytes::<F64>(shape, config), allocated::<F64>(shape, config, need));
            assert_eq!(state_bytes::<Bf16Store>(shape, config), allocated::<Bf16Store>(shape, config, need));
            assert_eq!(state_bytes::<Bf16x2Store>(shape, config), allocated::<Bf16x2Store>(shape, config, need));
            assert_eq!(state_bytes::<Bf16x3Store>(shape, config), allocated::<Bf16x3Store>(shape, config, need));
        }
    }
}

#[test]
fn arrays_take_lengths_from_the_compiler() {
    const CONFIG: Config = Config::DEFAULT;
    const LEN: usize = state_len(&[64, 32], CONFIG);
    const NEED: Lengths = Lengths::of(&[64, 32], &CONFIG);
    let (statistics, roots) = ([0.0_f32; NEED.statistics], [0.0; NEED.statistics]);
    let (graft, momentum) = ([0.0; NEED.graft], [0.0; NEED.momentum]);
    let tensor =
        Tensor::<F32, _, _, _>::new(&[64, 32], CONFIG, statistics, roots, graft, momentum, [Slot::EMPTY; NEED.slots]);
    assert_eq!(tensor.map(|tensor| tensor.lengths()), Ok(NEED));
    assert_eq!(LEN, 2 * (2080 + 528) + 2 * 2048);
}

/// Numbers of statistics with both triangles, block by block.
fn square(config: &Config, shape: &[usize]) -> usize {
    let need = lengths::<F32>(shape, config).expect("a legal configuration");
    let (rows, columns) = (shape[0], shape[1]);
    let block = config.block_size;
    let pieces = |d: usize| (0..d).step_by(block).map(move |start| block.min(d - start));
    let both: usize = pieces(rows)
        .flat_map(|m| pieces(columns).map(move |n| if config.sides == Sides::All { m * m + n * n } else { n * n }))
        .sum();
    assert!(need.statistics < both);
    both
}

#[test]
fn a52_a_size_query_without_an_allocation() {
    const SHAPE: [usize; 2] = [50257, 768];
    const BYTES: usize = size_of::<f32>();
    let blocks = Config { block_size: 1024, ..Config::DEFAULT };
    let one_sided = Config { sides: Sides::Smallest, ..UNCUT };
    for (config, both_triangles, one_triangle, factors) in [
        (UNCUT, 10_105_423_492, 5_052_813_796, 2),
        (blocks, 323_511_940, 161_933_284, 100),
        (one_sided, 2_359_296, 1_181_184, 1),
    ] {
        let need = Lengths::of(&SHAPE, &config);
        assert_eq!((need.statistics * BYTES, need.slots), (one_triangle, factors));
        assert_eq!(square(&config, &SHAPE) * BYTES, both_triangles);
    }
    // Small enough to allocate are the last, and the second: twice 154 MiB.
    for (config, bytes) in [(one_sided, 1_181_184), (blocks, 161_933_284)] {
        let config = Config { graft: Graft::Sgd, momentum: Momentum::NONE, ..config };
        let need = Lengths::of(&SHAPE, &config);
        let kept = || vec![0.0_f32; need.statistics];
        let slots = vec![Slot::EMPTY; need.slots];
        let tensor = Tensor::<F32, _, _, _>::new(&SHAPE, config, kept(), kept(), vec![], vec![], slots);
        let tensor = tensor.expect("these are the lengths");
        assert_eq!(size_of_val(tensor.statistics()) + size_of_val(tensor.roots()), 2 * bytes);
        assert_eq!(state_bytes::<F32>(&SHAPE, config), 2 * bytes);
    }
}

#[test]
fn a42_constants_saturate() {
    const HALF: usize = 1 << (usize::BITS / 2);
    const SQUARE: Lengths = Lengths::of(&[HALF, HALF], &Config::DEFAULT);
    const LINE: Lengths = Lengths::of(&[HALF, 2], &UNCUT);
    const RANK: Lengths = Lengths::of(&[2; 9], &Config { merge: Merge::Keep, ..UNCUT });
    assert_eq!((SQUARE.numel, SQUARE.statistics, SQUARE.momentum), (usize::MAX, usize::MAX, usize::MAX));
    assert_eq!((LINE.numel, LINE.work, LINE.root), (2 * HALF, usize::MAX, usize::MAX));
    assert_eq!(RANK.state(), usize::MAX);
    assert_eq!(state_bytes::<F64>(&[HALF, HALF], UNCUT), usize::MAX);
    // A tensor without entries is not too large.
    assert_eq!(Lengths::of(&[HALF, HALF, 0], &UNCUT), Lengths::default());
    // No number lies between what is right and the largest.
    let exact = |d: u128| d * (d + 1) / 2;
    for d in [HALF - 1, HALF, HALF + 1, HALF * 2 - 2, HALF * 2, usize::MAX] {
        let found = Lengths::of(&[d, 1], &Config { precondition_vectors: true, ..UNCUT }).statistics;
        let right = usize::try_from(exact(d as u128)).unwrap_or(usize::MAX);
        assert_eq!(found, right, "{d}");
    }
}

/// Without factors nothing works on blocks: what is left is the graft's scratch, and a row for a second buffer.
#[test]
fn a_diagonal_method_needs_no_work_for_blocks() {
    let work = |config: &Config| Lengths::of(&[1000, 1000], config).work;
    assert_eq!(work(&Config::diagonal(Graft::Sgd)), 0);
    let sm3 = Config::diagonal(Graft::Sm3 { variant: Variant::II, averaging: Averaging::Sum, epsilon: 0.0 });
    assert_eq!(work(&sm3), 2000 + 1000);
    let buffers = Momentum { buffers: Buffers::Two, ..Momentum::heavy_ball(0.5) };
    assert_eq!(work(&Config { momentum: buffers, ..Config::diagonal(Graft::Sgd) }), 1000);
    assert!(work(&Config::DEFAULT) > 128 * 128);
}
