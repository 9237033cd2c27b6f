//! State as bytes and back: any bytes, any parts.

use shampoo_core::error::ImageError;
use shampoo_core::image::{
    Number, Part, Reader, both, image_len, newest, next, next_beside, numbers_len, save, stream, stream_chunks,
    tensor_len, ticks_len,
};
use shampoo_core::scalar::{Bf16, Bf16Store, Bf16x2, Bf16x2Store, Bf16x3, Bf16x3Store, F32, F64, Precision};
use shampoo_core::schedule::{Slot, Stamps};
use shampoo_core::tensor::Tensor;
use shampoo_core::ticks::Ticks;

type Buffer<T> = &'static mut [T];

entries! { images: [
    Reader::open,
    Reader::sequence,
    Reader::len,
    Reader::is_empty,
    Reader::restore,
    newest,
    both,
    next,
    next_beside,
    save,
    stream,
    stream_chunks::<64>,
    image_len,
    Stamps::newest,
    Slot::words,
    Slot::from_words,
] }

type State<P> = Tensor<P, Buffer<<P as Precision>::Store>, Buffer<<P as Precision>::Work>, Buffer<Slot>>;

/// A model of which nothing is known.
struct Model<P: Precision, T: 'static> {
    tensor: State<P>,
    ticks: Ticks<P, Buffer<P::Store>, Buffer<P::Root>>,
    numbers: Buffer<T>,
    few: [T; 3],
}

fn save_model<P: Precision, T: Number>(model: &Model<P, T>, sequence: u32, to: &mut [u8]) -> Result<usize, ImageError>
where
    P::Work: Number,
    P::Store: Number,
{
    save(&[&model.tensor, &model.numbers, &model.ticks, &model.few], sequence, to)
}

fn restore_model<P: Precision, T: Number>(model: &mut Model<P, T>, image: &Reader<'_>) -> Result<(), ImageError>
where
    P::Work: Number,
    P::Store: Number,
{
    let parts: &mut [&mut dyn Part] = &mut [&mut model.tensor, &mut model.numbers, &mut model.ticks, &mut model.few];
    image.restore(parts)
}

macro_rules! models {
    ($name:ident, $p:ty, $t:ty) => {
        entries! { $name: [
            save_model::<$p, $t>,
            restore_model::<$p, $t>,
            tensor_len::<$p>,
            ticks_len::<$p>,
            numbers_len::<$t>,
        ] }
    };
}

models!(models_f32, F32, f32);
models!(models_f64, F64, f64);
models!(models_bf16, Bf16Store, Bf16);
models!(models_bf16x2, Bf16x2Store, Bf16x2);
models!(models_bf16x3, Bf16x3Store, Bf16x3);
models!(models_bytes, F32, u8);
models!(models_counts, F32, u32);
models!(models_large_counts, F32, u64);
