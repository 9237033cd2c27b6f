//! Buffers that do not keep their length.

use core::cell::Cell;
use shampoo_core::config::Config;
use shampoo_core::error::ImageError;
use shampoo_core::image::save;
use shampoo_core::scalar::F32;
use shampoo_core::schedule::Slot;
use shampoo_core::tensor::{Tensor, lengths};
use std::rc::Rc;

/// A buffer of the caller's kind, and how much of it there is now.
struct Fickle(Vec<f32>, Rc<Cell<usize>>);

impl AsRef<[f32]> for Fickle {
    fn as_ref(&self) -> &[f32] {
        &self.0[..self.1.get().min(self.0.len())]
    }
}

impl AsMut<[f32]> for Fickle {
    fn as_mut(&mut self) -> &mut [f32] {
        &mut self.0
    }
}

#[test]
fn a_part_that_writes_fewer_bytes_than_it_said_is_an_error() {
    let need = lengths::<F32>(&[3, 2], &Config::DEFAULT).expect("a legal shape");
    let room = Rc::new(Cell::new(usize::MAX));
    let numbers = |length| Fickle(vec![0.0; length], room.clone());
    let (statistics, roots) = (numbers(need.statistics), numbers(need.statistics));
    let (graft, momentum, slots) = (vec![0.0; need.graft], vec![0.0; need.momentum], vec![Slot::EMPTY; need.slots]);
    let tensor = Tensor::<F32, _, _, _>::new(&[3, 2], Config::DEFAULT, statistics, roots, graft, momentum, slots);
    let (tensor, mut image) = (tensor.expect("legal settings"), [0; 1000]);
    assert!(save(&[&tensor], 0, &mut image).is_ok());
    room.set(need.statistics - 1);
    assert_eq!(save(&[&tensor], 0, &mut image), Err(ImageError::Malformed));
}
