//! Images: any bytes, damaged ones and forged ones: never a panic, no change where one is refused, and a way there and back.
#![no_main]

use arbitrary::{Arbitrary, Result, Unstructured};
use libfuzzer_sys::fuzz_target;
use shampoo_core::image::{Part, Reader, newest, next, save};
use shampoo_core::kernel::Portable;
use shampoo_core::linalg::inverse_root::inverse_root_workspace_len;
use shampoo_core::mat::packed::packed_len;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Tensor, Workspace, lengths};
use shampoo_core::ticks::Ticks;
use shampoo_fuzz::numbers::all_bits;
use shampoo_fuzz::settings::{Numbers, Settings};

#[derive(Debug)]
struct Case {
    shape: Vec<usize>,
    settings: Settings,
    gradients: Vec<(Numbers, u16)>,
    sequence: u32,
    damage: Vec<(u16, u8)>,
    length: Option<u16>,
    signed: bool,
    raw: Vec<u8>,
}

impl<'a> Arbitrary<'a> for Case {
    fn arbitrary(u: &mut Unstructured<'a>) -> Result<Self> {
        let rank = usize::from(u8::arbitrary(u)?) % 4;
        let shape = (0..rank).map(|_| Ok(usize::from(u8::arbitrary(u)?) % 7)).collect::<Result<_>>()?;
        Ok(Self {
            shape,
            settings: Settings::arbitrary(u)?,
            gradients: Vec::arbitrary(u)?,
            sequence: u32::arbitrary(u)?,
            damage: Vec::arbitrary(u)?,
            length: Option::arbitrary(u)?,
            signed: bool::arbitrary(u)?,
            raw: Vec::arbitrary(u)?,
        })
    }
}

type State = Tensor<F32, Vec<f32>, Vec<f32>, Vec<Slot>>;

/// A parameter, its numbers and the driver of its roots.
#[derive(Clone)]
struct Model {
    tensor: [State; 1],
    weights: Vec<f32>,
    ticks: Ticks<F32, Vec<f32>, Vec<f32>>,
}

impl Model {
    fn new(case: &Case) -> Option<Self> {
        let config = case.settings.0;
        let need = lengths::<F32>(&case.shape, &config).ok()?;
        // The state of a graft may grow with the square of the entries.
        if need.numel > 64 {
            return None;
        }
        let zeros = |length: usize| vec![0.0; length];
        let (kept, slots) = (|| zeros(need.statistics), vec![Slot::EMPTY; need.slots]);
        let tensor =
            Tensor::new(&case.shape, config, kept(), kept(), zeros(need.graft), zeros(need.momentum), slots).ok()?;
        let order = tensor.partition().largest_order();
        let ticks = Ticks::new(order, zeros(packed_len(order)), zeros(inverse_root_workspace_len(order))).ok()?;
        Some(Self { tensor: [tensor], weights: vec![1.0; need.numel], ticks })
    }

    fn round(&mut self, gradient: &Numbers, flops: u64) {
        self.ticks.settle(&mut self.tensor, &Portable);
        let [tensor] = &mut self.tensor;
        let need = tensor.lengths();
        let zeros = |length: usize| vec![0.0; length];
        let (mut update, mut direction, mut work, mut root) =
            (zeros(need.numel), zeros(need.numel), zeros(need.work), zeros(need.root));
        let mut workspace = Workspace { direction: &mut direction, work: &mut work, root: &mut root };
        // A gradient that is refused is one of no step.
        let _ = tensor.step(&self.weights, &gradient.take(need.numel), 0.1, &mut update, &mut workspace, &Portable);
        self.ticks.tick(&mut self.tensor, flops, &Portable);
    }

    fn save(&mut self, sequence: u32) -> Vec<u8> {
        let mut image = vec![0; 1 << 16];
        let weights = self.weights.as_mut_slice();
        let parts: [&dyn Part; 3] = [&self.tensor[0], &weights, &self.ticks];
        let length = save(&parts, sequence, &mut image).expect("room for a few numbers");
        image.truncate(length);
        image
    }

    fn restore(&mut self, image: &Reader<'_>) -> bool {
        let mut weights = self.weights.as_mut_slice();
        image.restore(&mut [&mut self.tensor[0], &mut weights, &mut self.ticks]).is_ok()
    }

    /// All of it, in bits.
    fn state(&mut self) -> Vec<u8> {
        self.save(0)
    }
}

/// Reflected CRC-32, a bit at a time.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}

fuzz_target!(|case: Case| {
    assert!(newest([&case.raw, &case.raw]).is_none_or(|(place, _)| place == 0));
    let Some(mut model) = Model::new(&case) else { return };
    let fresh = model.clone();
    for (gradient, flops) in case.gradients.iter().take(4) {
        model.round(gradient, u64::from(*flops));
    }
    let image = model.save(case.sequence);
    assert_eq!(next([&image, &case.raw]).1, case.sequence.wrapping_add(1));

    let mut loaded = fresh.clone();
    assert!(loaded.restore(&Reader::open(&image).expect("what was saved")), "there and back");
    assert!(loaded.state() == model.state());
    assert!(all_bits(&loaded.weights) == all_bits(&model.weights));

    let mut damaged = image.clone();
    if let Some(length) = case.length {
        damaged.truncate(usize::from(length));
    }
    for &(place, byte) in &case.damage {
        if let Some(at) = usize::from(place).checked_rem(damaged.len()) {
            damaged[at] = byte;
        }
    }
    if let (true, Some(end)) = (case.signed, damaged.len().checked_sub(4)) {
        let crc = crc(&damaged[..end]).to_le_bytes();
        damaged[end..].copy_from_slice(&crc);
    }
    for bytes in [&damaged, &case.raw] {
        let mut target = fresh.clone();
        let before = target.state();
        match Reader::open(bytes) {
            Ok(reader) if target.restore(&reader) => {
                assert!(case.signed || *bytes == image, "it was damaged");
                // Whatever was taken can be trained on.
                for (gradient, flops) in case.gradients.iter().take(2) {
                    target.round(gradient, u64::from(*flops));
                }
            }
            _ => assert!(target.state() == before),
        }
    }
});
