//! Images: what was saved goes on with the same bits, and what is damaged changes nothing.

use super::model;
use super::model::{Model, tensor, with};
use crate::common::generated;
use crate::common::run::narrow;
use proptest::prelude::*;
use shampoo_core::config::{Config, Start, WeightDecay};
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::error::ImageError;
use shampoo_core::graft::{Graft, Length, Scope};
use shampoo_core::image::{
    Number, Part, Reader, both, image_len, newest, next, next_beside, numbers_len, save, stream, stream_chunks,
    tensor_len, ticks_len,
};
use shampoo_core::linalg::inverse_root::{Certificate, Exponent, Method, Ridge};
use shampoo_core::momentum::{Buffers, Filter, Momentum};
use shampoo_core::partition::{Merge, Sides};
use shampoo_core::scalar::{Bf16Store, Bf16x2Store, Bf16x3Store, F32, F32RootF64, F64, Precision};
use shampoo_core::schedule::{Adaptive, Mode, Schedule};
use shampoo_core::statistics::{Averaging, TraceScaling};
use shampoo_core::tensor::largest_order;
use shampoo_tests::generate::Random;

const SHAPES: [&[usize]; 2] = [&[6, 4], &[5, 3]];

/// The image of a model: every tensor, every parameter, and the driver.
fn saved<P: Precision<Work: Number, Store: Number>>(model: &mut Model<P>, sequence: u32) -> Vec<u8> {
    let mut weights: Vec<&mut [P::Work]> = model.weights.iter_mut().map(Vec::as_mut_slice).collect();
    let mut parts: Vec<&dyn Part> = model.tensors.iter().map(|tensor| tensor as &dyn Part).collect();
    parts.extend(weights.iter_mut().map(|weights| &*weights as &dyn Part));
    parts.push(&model.ticks);
    let mut image = vec![0xFF; 40_000];
    let length = save(&parts, sequence, &mut image).expect("room enough");
    image.truncate(length);
    image
}

fn restore<P: Precision<Work: Number, Store: Number>>(model: &mut Model<P>, image: &[u8]) -> Result<(), ImageError> {
    let mut weights: Vec<&mut [P::Work]> = model.weights.iter_mut().map(Vec::as_mut_slice).collect();
    let mut parts: Vec<&mut dyn Part> = model.tensors.iter_mut().map(|tensor| tensor as &mut dyn Part).collect();
    parts.extend(weights.iter_mut().map(|weights| weights as &mut dyn Part));
    parts.push(&mut model.ticks);
    Reader::open(image)?.restore(&mut parts)
}

/// Training that was saved after some rounds and loaded into fresh state, against training that was not.
fn assert_resumes<P: Precision<Work: Number, Store: Number>>(config: Config, rounds: usize, flops: u64) {
    let mut model = Model::<P>::new(&SHAPES, config).with_turns(2, 1);
    (0..rounds).for_each(|_| model.round(1, flops));
    let image = saved(&mut model, 1);
    let mut loaded = Model::<P>::new(&SHAPES, config);
    loaded.random = model.random.clone();
    restore(&mut loaded, &image).expect("what was saved");
    assert!(loaded.state() == model.state());
    assert_eq!(loaded.ticks.under_way(), model.ticks.under_way());
    for _ in 0..12 {
        // With other budgets, on which no bit depends.
        model.round(1, flops);
        loaded.round(2, flops / 3);
    }
    model.settle();
    loaded.settle();
    assert!(loaded.state() == model.state(), "{config:?} after {rounds} rounds");
}

#[test]
fn training_goes_on_with_the_same_bits() {
    let talk = Config { weight_decay: WeightDecay::Gradient(1e-3), ..Config::talk_2021() };
    let filtered = Config { filter: Filter { beta1: 0.5, bias_correction: true }, ..Config::DEFAULT };
    let sm3 = Graft::Sm3 { variant: Variant::I, averaging: Averaging::Sum, epsilon: 1e-10 };
    let diagonal = Config { momentum: Momentum::heavy_ball(0.9), ..Config::diagonal(sm3) };
    for config in [Config::DEFAULT, talk, filtered, diagonal, Config { graft: Graft::None, ..Config::DEFAULT }] {
        assert_resumes::<F32>(config, 3, 0);
        assert_resumes::<F32RootF64>(config, 2, 0);
        assert_resumes::<F64>(config, 4, 0);
        assert_resumes::<Bf16Store>(config, 3, 0);
        assert_resumes::<Bf16x2Store>(config, 3, 0);
        assert_resumes::<Bf16x3Store>(config, 3, 0);
    }
}

/// At any point of a root: copied, not begun, in the middle, finished and waiting.
#[test]
fn a_root_under_way_goes_on_with_the_same_bits() {
    for (delay, period) in [(1, 1), (3, 4), (4, 2)] {
        let config = with(Mode::Pipelined { delay }, period);
        let mut under_way = 0;
        for rounds in 1..9 {
            for flops in [1, 2_000, 9_000, 30_000, u64::MAX] {
                let mut model = Model::<F32>::new(&SHAPES, config).with_turns(2, 1);
                (0..rounds).for_each(|_| model.round(1, flops));
                under_way += u32::from(model.ticks.under_way().is_some());
                assert_resumes::<F32>(config, rounds, flops);
            }
        }
        assert!(under_way > 10, "{under_way}");
    }
}

/// A load between settling and step begins nothing that would not have been begun.
#[test]
fn a_closed_round_stays_closed() {
    let config = with(Mode::Pipelined { delay: 2 }, 1);
    let mut model = Model::<F32>::new(&SHAPES, config);
    (0..3).for_each(|_| model.round(1, 9_000));
    model.settle();
    let image = saved(&mut model, 1);
    let mut loaded = model.clone();
    restore(&mut loaded, &image).expect("what was saved");
    loaded.tick(u64::MAX);
    for _ in 0..6 {
        model.step();
        loaded.step();
        model.settle();
        loaded.settle();
    }
    assert!(loaded.state() == model.state());
}

#[test]
fn in_async_mode_a_factor_is_asked_again() {
    let config = with(Mode::Async, 1);
    let mut model = Model::<F32>::new(&SHAPES[..1], config);
    model.round(1, 3_000);
    assert!(model.ticks.under_way().is_some() && model.tensors[0].slots()[0].pending() == Some(0));
    let mut image = vec![0; tensor_len::<F32>(SHAPES[0], &config) + 36];
    save(&[&model.tensors[0]], 1, &mut image).expect("room enough");
    let mut loaded = Model::<F32>::new(&SHAPES[..1], config);
    Reader::open(&image).unwrap().restore(&mut [&mut loaded.tensors[0]]).expect("what was saved");
    loaded.step();
    loaded.tick(u64::MAX);
    assert!(loaded.slots().all(|slot| slot.stamp() == Some(1) && slot.pending().is_none() && slot.failures() == 0));
}

/// A small model after some rounds, with a root under way, and another one in its place.
fn small() -> (Model<F32>, Model<F32>) {
    let config = with(Mode::Pipelined { delay: 3 }, 1);
    let mut model = Model::<F32>::new(&[&[3, 2]], config);
    (0..5).for_each(|_| model.round(1, 3_000));
    let mut other = Model::<F32>::new(&[&[3, 2]], config);
    other.random = Random::new(99);
    (0..2).for_each(|_| other.round(1, 9_000));
    (model, other)
}

/// Refused, and nothing has changed.
#[track_caller]
fn assert_refused(model: &mut Model<F32>, image: &[u8]) -> ImageError {
    let before = (model.state(), model.ticks.under_way());
    let error = restore(model, image).expect_err("a damaged image");
    assert!((model.state(), model.ticks.under_way()) == before, "{error:?}");
    error
}

#[test]
fn an_image_that_is_cut_at_any_byte_is_refused() {
    let (mut model, mut other) = small();
    let image = saved(&mut model, 1);
    for length in 0..image.len() {
        let error = assert_refused(&mut other, &image[..length]);
        assert!(matches!(error, ImageError::Truncated { .. }), "{error:?}");
        // What was erased before it was written.
        let mut erased = image[..length].to_vec();
        erased.resize(image.len(), 0xFF);
        if erased != image {
            assert_refused(&mut other, &erased);
        }
    }
    restore(&mut other, &image).expect("the whole image");
    assert!(other.state() == model.state());
}

#[test]
fn an_image_with_any_bit_flipped_is_refused() {
    let (mut model, mut other) = small();
    let mut image = saved(&mut model, 1);
    for bit in 0..8 * image.len() {
        image[bit / 8] ^= 1 << (bit % 8);
        assert_refused(&mut other, &image);
        image[bit / 8] ^= 1 << (bit % 8);
    }
}

/// A save over the older of two images that ends after any of its bytes.
#[test]
fn the_copy_before_is_there_after_a_save_that_was_cut_off() {
    let (mut model, mut other) = small();
    let room = saved(&mut model, 0).len();
    let mut places = [vec![0xFF; room], vec![0xFF; room]];
    let mut right = Vec::new();
    for sequence in [u32::MAX - 1, u32::MAX, 0, 1] {
        if sequence != u32::MAX - 1 {
            let (_, number) = next([&places[0], &places[1]]);
            assert_eq!(number, sequence, "it wraps around");
        }
        let (place, _) = next([&places[0], &places[1]]);
        let image = saved(&mut model, sequence);
        for written in 0..image.len() {
            let mut cut = places.clone();
            cut[place][..written].copy_from_slice(&image[..written]);
            let found = newest([&cut[0], &cut[1]]);
            if cut[place][..image.len()] == image[..] {
                continue;
            }
            if right.is_empty() {
                assert!(found.is_none());
                continue;
            }
            let (slot, found) = found.expect("the copy before");
            assert_eq!((slot, found.sequence()), (1 - place, sequence.wrapping_sub(1)));
            assert_eq!(next([&cut[0], &cut[1]]), (place, sequence), "the next save goes over what is damaged");
            restore(&mut other, &cut[slot]).expect("the copy before");
            assert!(other.state() == right);
        }
        places[place][..image.len()].copy_from_slice(&image);
        right = model.state();
        assert_eq!(newest([&places[0], &places[1]]).map(|(slot, _)| slot), Some(place));
        // Another state, of an image of the same length: something is always under way here.
        model.settle();
        model.step();
        model.settle();
        model.tick(1);
        while saved(&mut model, 0).len() != room {
            model.round(1, 1);
        }
    }
}

/// Each field of the settings changed, all else as it was.
fn changed() -> Vec<Config> {
    let base = Config::DEFAULT;
    let schedule = base.schedule;
    let with_schedule = |schedule: Schedule| Config { schedule, ..base };
    let adaptive = Adaptive { drift: 0.1, flops: 1, max_staleness: 5 };
    let sm3 = |variant| Graft::Sm3 { variant, averaging: Averaging::Sum, epsilon: 1e-10 };
    let rms = |beta2, epsilon, bias_correction| Graft::RmsProp { beta2, epsilon, bias_correction };
    let with_graft = |graft| Config { graft, ..base };
    let with_momentum = |momentum| Config { momentum, ..base };
    vec![
        base,
        Config { block_size: 127, ..base },
        Config { block_size: usize::MAX, ..base },
        Config { merge: Merge::Keep, ..base },
        Config { merge: Merge::Reverse { target_rank: 2 }, ..base },
        Config { merge: Merge::ReverseUnguarded { target_rank: 2 }, ..base },
        Config { merge_limit: 5, ..base },
        Config { max_preconditioned_dim: 100, ..base },
        Config { sides: Sides::Smallest, ..base },
        Config { precondition_vectors: true, ..base },
        Config { precondition: false, ..base },
        Config { averaging: Averaging::Sum, ..base },
        Config { averaging: Averaging::Ema { beta2: 0.91 }, ..base },
        Config { packed_products: true, ..base },
        Config { bias_correction: true, ..base },
        Config { trace_scaling: Some(TraceScaling::SQUARE_ROOT), ..base },
        Config { trace_scaling: Some(TraceScaling { power: 0.5, epsilon: 1e-3 }), ..base },
        Config { initial_statistics: 1e-9, ..base },
        Config { exponent_override: Some(Exponent::Root(4)), ..base },
        Config { exponent_override: Some(Exponent::Power(0.25)), ..base },
        Config { ridge: Ridge::Absolute(1e-6), ..base },
        Config { ridge: Ridge::Relative(1e-5), ..base },
        Config { ridge: Ridge::PseudoInverse { cutoff: 1e-6 }, ..base },
        Config { method: Method::Spectral, ..base },
        Config { certificate: Certificate::Probed, ..base },
        Config { max_error: Some(0.05), ..base },
        Config { max_retries: 4, ..base },
        with_graft(Graft::Sgd),
        with_graft(Graft::Sign),
        with_graft(sm3(Variant::I)),
        with_graft(sm3(Variant::II)),
        with_graft(rms(0.99, 1e-10, false)),
        with_graft(rms(0.98, 1e-10, true)),
        with_graft(rms(0.99, 1e-9, true)),
        with_graft(Graft::FixedNorm(Length::Rows)),
        with_graft(Graft::FixedNorm(Length::Entries)),
        with_graft(Graft::FixedNorm(Length::Given(2.0))),
        Config { normalize_graft: true, ..base },
        Config { graft_scope: Scope::Block, ..base },
        Config { graft_scope: Scope::Global, ..base },
        Config { filter: Filter { beta1: 0.0, bias_correction: true }, ..base },
        Config { filter: Filter { beta1: 0.5, bias_correction: false }, ..base },
        with_momentum(Momentum { beta1: 0.8, ..base.momentum }),
        with_momentum(Momentum { nesterov: false, ..base.momentum }),
        with_momentum(Momentum { moving_average: true, ..base.momentum }),
        with_momentum(Momentum { buffers: Buffers::Two, ..base.momentum }),
        Config { weight_decay: WeightDecay::Coupled(1e-3), ..base },
        Config { weight_decay: WeightDecay::Decoupled(1e-3), ..base },
        Config { weight_decay: WeightDecay::Gradient(1e-3), ..base },
        with_schedule(Schedule { start_preconditioning_step: 1, ..schedule }),
        with_schedule(Schedule { statistics_every: 2, ..schedule }),
        with_schedule(Schedule { precondition_every: 2, ..schedule }),
        with_schedule(Schedule { mode: Mode::Async, ..schedule }),
        with_schedule(Schedule { mode: Mode::Pipelined { delay: 1 }, ..schedule }),
        with_schedule(Schedule { mode: Mode::Pipelined { delay: 2 }, ..schedule }),
        with_schedule(Schedule { mode: Mode::Adaptive(adaptive), ..schedule }),
        with_schedule(Schedule { mode: Mode::Adaptive(Adaptive { flops: 2, ..adaptive }), ..schedule }),
        Config { start: Start::Blend, ..base },
    ]
}

#[test]
fn other_settings_are_refused_with_the_part() {
    let weights = [1.0_f32; 24];
    let configs = changed();
    let images: Vec<Vec<u8>> = configs
        .iter()
        .map(|&config| {
            let mut image = vec![0; 10_000];
            save(&[&weights, &tensor::<F32>(&[6, 4], config)], 0, &mut image).expect("room enough");
            image
        })
        .collect();
    for (i, &config) in configs.iter().enumerate() {
        let (mut tensor, mut weights) = (tensor::<F32>(&[6, 4], config), [2.0_f32; 24]);
        for (j, image) in images.iter().enumerate() {
            let found = Reader::open(image).expect("whole").restore(&mut [&mut weights, &mut tensor]);
            let right = if i == j { Ok(()) } else { Err(ImageError::Settings { part: 1 }) };
            assert_eq!(found, right, "{:?}\n{config:?}", configs[j]);
            assert_eq!(weights, [if i == j { 1.0 } else { 2.0 }; 24], "nothing has changed");
            weights = [2.0; 24];
        }
    }
}

#[test]
fn other_shapes_numbers_and_parts_are_refused() {
    let mut image = vec![0; 10_000];
    let config = Config::DEFAULT;
    save(&[&tensor::<F32>(&[6, 4], config), &[1.0_f32; 3]], 0, &mut image).expect("room enough");
    let image = Reader::open(&image).expect("whole");
    let (shape, numbers_of) = (Err(ImageError::Shape { part: 0 }), |part| Err(ImageError::Numbers { part }));
    let mut numbers = [0.0_f32; 3];
    assert_eq!(image.restore(&mut [&mut tensor::<F32>(&[4, 6], config), &mut numbers]), shape);
    assert_eq!(image.restore(&mut [&mut tensor::<F32RootF64>(&[6, 4], config), &mut numbers]), numbers_of(0));
    assert_eq!(image.restore(&mut [&mut tensor::<Bf16x2Store>(&[6, 4], config), &mut numbers]), numbers_of(0));
    assert_eq!(image.restore(&mut [&mut numbers, &mut tensor::<F32>(&[6, 4], config)]), numbers_of(0));
    let mut right = tensor::<F32>(&[6, 4], config);
    assert_eq!(image.restore(&mut [&mut right, &mut [0_u32; 3]]), numbers_of(1));
    assert_eq!(image.restore(&mut [&mut right, &mut [0.0_f32; 4]]), Err(ImageError::State { part: 1 }));
    assert_eq!(image.restore(&mut [&mut right]), Err(ImageError::Parts { needed: 1, found: 2 }));
    assert_eq!(numbers, [0.0; 3]);
    assert_eq!(image.restore(&mut [&mut right, &mut numbers]), Ok(()));
    assert_eq!(numbers, [1.0; 3]);
}

/// What a driver cannot hold it does not save: a larger one loads the image.
#[test]
fn a_root_that_is_too_large_for_its_driver_is_not_saved() {
    let config = with(Mode::Pipelined { delay: 2 }, 1);
    let mut model = Model::<F32>::new(&SHAPES, config);
    let right = model.clone();
    model.ticks = model::driver(3);
    model.round(1, 1);
    assert!(model.ticks.under_way().is_some());
    let image = saved(&mut model, 1);
    for mut other in [model.clone(), right] {
        restore(&mut other, &image).expect("no statistics are missing");
        assert_eq!(other.ticks.under_way(), None);
        (0..3).for_each(|_| other.round(1, 1));
        assert_eq!(other.tensors[0].slots()[0].failures(), 1, "as a root that is lost");
    }
}

/// What closes a round goes with the state, by whatever way it is put back.
#[test]
fn a_closed_round_stays_closed_when_it_is_put_back() {
    let mut model = Model::<F32>::new(&SHAPES[..1], with(Mode::Pipelined { delay: 2 }, 1));
    (0..3).for_each(|_| model.round(1, u64::MAX));
    model.settle();
    model.ticks.abandon();
    let mut loaded = tensor::<F32>(SHAPES[0], *model.tensors[0].config());
    loaded.restore(&model.tensors[0].saved()).expect("the same lengths");
    model.tensors[0] = loaded;
    model.tick(u64::MAX);
    assert_eq!(model.ticks.under_way(), None);
    model.step();
    model.tick(u64::MAX);
    assert!(model.ticks.under_way().is_some());
}

#[test]
fn lengths_are_those_of_the_formula() {
    let config = with(Mode::Pipelined { delay: 3 }, 1);
    let parts = |model: &Model<F32>| {
        let order = SHAPES.iter().map(|shape| largest_order(shape, &config)).max().unwrap();
        let mut parts: Vec<usize> = SHAPES.iter().map(|shape| tensor_len::<F32>(shape, &config)).collect();
        parts.extend(model.weights.iter().map(|weights| numbers_len::<f32>(weights.len())));
        parts.push(ticks_len::<F32>(order));
        image_len(&parts)
    };
    let mut model = Model::<F32>::new(&SHAPES, config);
    assert!(saved(&mut model, 0).len() < parts(&model), "nothing is under way");
    model.round(1, 1);
    // The first factor is of the largest order.
    assert_eq!(saved(&mut model, 0).len(), parts(&model));
    assert_eq!(numbers_len::<f64>(usize::MAX), usize::MAX);
    assert_eq!(image_len(&[usize::MAX, 1]), usize::MAX);
}

#[test]
fn a_short_buffer_and_a_sink_that_is_full_are_errors() {
    let weights = [1.0_f32, 2.0];
    let needed = image_len(&[8]);
    let mut short = vec![7; needed - 1];
    let error = Err(ImageError::Space { needed, found: needed - 1 });
    assert_eq!(save(&[&weights], 0, &mut short), error);
    assert!(short.iter().all(|&byte| byte == 7), "nothing was written");
    let (mut room, mut calls_after) = (20, 0);
    let found = stream(&[&weights], 0, &mut |bytes| {
        calls_after += u32::from(room == 0);
        room = if bytes.len() <= room { room - bytes.len() } else { 0 };
        room > 0
    });
    assert_eq!((found, calls_after), (Err(ImageError::Refused), 0));
}

/// Shared numbers are saved, and come back into a place of their own.
#[test]
fn a_shared_slice_is_saved_and_not_loaded() {
    let weights: &[f32] = &[1.0, 2.0, 3.0];
    let mut image = [0; 64];
    save(&[&weights], 0, &mut image).expect("room enough");
    let (image, mut shared) = (Reader::open(&image).expect("whole"), weights);
    assert_eq!(image.restore(&mut [&mut shared]), Err(ImageError::State { part: 0 }));
    let mut own = [0.0_f32; 3];
    assert_eq!((image.restore(&mut [&mut own]), &own[..]), (Ok(()), weights));
}

#[test]
fn pieces_of_one_size_make_the_same_image() {
    let (mut model, _) = small();
    let right = saved(&mut model, 1);
    let weights = model.weights[0].as_slice();
    let parts: [&dyn Part; 3] = [&model.tensors[0], &weights, &model.ticks];
    fn pages<const N: usize>(parts: &[&dyn Part], right: &[u8]) {
        let mut found = Vec::new();
        let length = stream_chunks(parts, 1, 0xA5, &mut |page: &[u8; N]| {
            assert!(page.as_ptr().addr().is_multiple_of(8));
            found.extend_from_slice(page);
            true
        });
        assert_eq!((length, found.len()), (Ok(right.len()), right.len().div_ceil(N) * N));
        assert!(found[..right.len()] == *right && found[right.len()..].iter().all(|&byte| byte == 0xA5));
        // Refused at each of its pages.
        for last in 0..found.len() / N {
            let mut calls = 0;
            let refused = stream_chunks(parts, 1, 0, &mut |_: &[u8; N]| {
                calls += 1;
                calls <= last
            });
            assert_eq!((refused, calls), (Err(ImageError::Refused), last + 1));
        }
    }
    pages::<1>(&parts, &right);
    pages::<7>(&parts, &right);
    pages::<8>(&parts, &right);
    pages::<256>(&parts, &right);
    pages::<100_000>(&parts, &right);
    assert_eq!(stream_chunks(&parts, 1, 0, &mut |_: &[u8; 0]| true), Err(ImageError::Refused));
}

/// A newer image of another program leaves the older one where it is, and is what the next save goes over.
#[test]
fn the_older_copy_is_there_where_the_newer_one_is_refused() {
    let (mut model, mut other) = small();
    let mut theirs = vec![0; 64];
    save(&[&[1_u32, 2]], 8, &mut theirs).expect("room enough");
    let ours = saved(&mut model, 7);
    for (places, own) in [([&ours[..], &theirs[..]], 0), ([&theirs[..], &ours[..]], 1)] {
        assert_eq!(newest(places).map(|(place, _)| place), Some(1 - own));
        let found = both(places).map(|found| found.map(|(place, image)| (place, image.sequence())));
        assert_eq!(found, [Some((1 - own, 8)), Some((own, 7))]);
        restore(&mut other, places[own]).expect("the older one");
        assert!(other.state() == model.state());
        assert_eq!((next(places), next_beside(places, own)), ((own, 9), (1 - own, 9)));
    }
    let nothing = [0xFF; 64];
    let found = both([&nothing, &ours]);
    assert!(matches!(found, [Some((1, _)), None]));
    assert!(matches!(both([&nothing, &nothing]), [None, None]));
    assert_eq!((next_beside([&nothing, &ours], 1), next_beside([&ours, &nothing], 0)), ((0, 8), (1, 8)));
}

/// Reflected CRC-32, a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

/// The checksum of what is there now.
fn sign(image: &mut [u8]) {
    let end = image.len() - 4;
    let crc = crc(&image[..end]);
    image[end..].copy_from_slice(&crc.to_le_bytes());
}

/// Images that nobody saved, with the right checksum: what makes no sense is refused, and nothing panics.
#[test]
fn counts_that_make_no_sense_are_refused() {
    let (mut model, mut other) = small();
    let image = saved(&mut model, 1);
    let start = 16 + 16;
    let never = u64::MAX.to_le_bytes();
    for (place, bytes) in [
        (start, &never[..]),                      // steps so far
        (start, &[0; 8][..]),                     // none, and yet there are roots
        (start + 8, &f64::NAN.to_le_bytes()[..]), // what fills the sums
        (start + 8, &(-1.0_f64).to_le_bytes()[..]),
        (start + 16, &[2][..]),                    // whether the step is open
        (start + 17, &1000_u64.to_le_bytes()[..]), // a root of the future
        (start + 17 + 24, &never[..]),             // failures
    ] {
        let mut damaged = image.clone();
        damaged[place..place + bytes.len()].copy_from_slice(bytes);
        sign(&mut damaged);
        assert_eq!(assert_refused(&mut other, &damaged), ImageError::State { part: 0 }, "at {place}");
    }
    let with_field = |place: usize, bytes: &[u8]| {
        let mut damaged = image.clone();
        damaged[place..place + bytes.len()].copy_from_slice(bytes);
        sign(&mut damaged);
        damaged
    };
    assert_eq!(assert_refused(&mut other, &with_field(0, b"SHAM")), ImageError::Magic);
    assert_eq!(assert_refused(&mut other, &with_field(4, &[1, 0])), ImageError::Version { found: 1 });
    assert_eq!(assert_refused(&mut other, &with_field(6, &[4, 0])), ImageError::Malformed);
    assert_eq!(assert_refused(&mut other, &with_field(12, &[19, 0, 0, 0])), ImageError::Malformed);
    assert_eq!(assert_refused(&mut other, &with_field(28, &[0xFF; 4])), ImageError::Malformed);
    assert!(matches!(assert_refused(&mut other, &with_field(12, &[0xFF; 4])), ImageError::Truncated { .. }));
    restore(&mut other, &with_field(8, &[5, 0, 0, 0])).expect("another number");
}

proptest! {
    #![proptest_config(generated())]

    /// Runs of bytes overwritten, as a flash that fails would: the whole image, or nothing.
    #[test]
    fn damage_is_refused(places in prop::collection::vec((any::<prop::sample::Index>(), any::<[u8; 7]>(), 1..8_usize), 1..5), cut in any::<prop::sample::Index>(), short in any::<bool>()) {
        let (mut model, mut other) = small();
        let image = saved(&mut model, 1);
        let mut damaged = image.clone();
        for (place, bytes, length) in places {
            let at = place.index(damaged.len());
            let end = (at + length.min(7)).min(damaged.len());
            damaged[at..end].copy_from_slice(&bytes[..end - at]);
        }
        if short {
            damaged.truncate(cut.index(damaged.len()));
        }
        if damaged != image {
            assert_refused(&mut other, &damaged);
        }
    }

    /// The same with the right checksum: whatever is taken can be trained on.
    #[test]
    fn forged_images_do_no_harm(places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4)) {
        let (mut model, mut other) = small();
        let mut image = saved(&mut model, 1);
        for (place, byte) in places {
            let at = place.index(image.len());
            image[at] = byte;
        }
        sign(&mut image);
        let before = other.state();
        match restore(&mut other, &image) {
            Err(_) => prop_assert!(other.state() == before),
            Ok(()) => {
                let zero = narrow::<f32>(&[0.0; 6]);
                for _ in 0..4 {
                    other.settle();
                    // Numbers of any size are a gradient's limit at most.
                    let _ = model::try_step(&mut other.tensors[0], &mut other.weights[0], &zero);
                    other.tick(5_000);
                }
            }
        }
    }
}
