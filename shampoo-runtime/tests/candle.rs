//! The candle adapter: the same bits as over slices, in candle's own memory.
#![cfg(feature = "candle")]

#[path = "candle/groups.rs"]
mod groups;
#[path = "candle/refused.rs"]
mod refused;
#[path = "candle/support.rs"]
mod support;

use std::sync::{Arc, Mutex};

use candle_core::{D, Storage, Tensor};
use candle_nn::Optimizer;
use shampoo_core::config::{Config, WeightDecay};
use shampoo_core::kernel::{Accum, Kernel, portable};
use shampoo_core::mat::{MatMut, MatRef};
use shampoo_core::scalar::F32RootF64;
use shampoo_runtime::candle::CandleShampoo;
use shampoo_runtime::{Builder, Gradient, ParameterMut, SERVER_CONFIG, Shampoo};
use support::{Done, bits, numbers, store, tensor, var};

/// State of a parameter in bits, with its count.
fn state<K>(shampoo: &Shampoo<F32RootF64, K>, name: &str) -> (Vec<u32>, u64, u64) {
    let tensor = shampoo.tensor(name).expect("registered");
    let all = [tensor.statistics(), tensor.roots(), tensor.graft_state(), tensor.momentum()].concat();
    (all.into_iter().map(f32::to_bits).collect(), tensor.count(), shampoo.steps())
}

const SHAPES: [&[usize]; 3] = [&[4, 3], &[5], &[2, 3, 4]];

#[test]
fn the_same_bits_as_over_slices() -> Done {
    for builder in [Builder::new().inline(), Builder::new().threads(2)] {
        let builder = builder.block_size(3).learning_rate(0.05);
        let vars = SHAPES.map(|shape| var(shape, 1).expect("a legal shape"));
        let names = ["var.0", "var.1", "var.2"];
        let mut values = SHAPES.map(|shape| numbers(shape.iter().product(), 1));
        let mut candle = CandleShampoo::new(vars.to_vec(), builder.clone())?;
        let named = names.into_iter().zip(SHAPES);
        let mut slices = named.fold(builder, |builder, (name, shape)| builder.parameter(name, shape)).build()?;
        for step in 0..4 {
            let gradients = SHAPES.map(|shape| numbers(shape.iter().product(), 10 + step));
            let own = vars.iter().zip(SHAPES).map(|(var, shape)| Ok((var, tensor(shape, 10 + step)?)));
            candle.step(&store(&own.collect::<candle_core::Result<Vec<_>>>()?)?)?;
            let with = names.iter().zip(SHAPES).zip(&mut values);
            let mut with: Vec<_> =
                with.map(|((name, shape), values)| ParameterMut { name, shape, values: &mut values[..] }).collect();
            let of = names.iter().zip(SHAPES).zip(&gradients);
            let of: Vec<_> = of.map(|((name, shape), values)| Gradient { name, shape, values }).collect();
            let report = slices.step(&mut with, &of)?;
            assert_eq!(candle.report().refresh, report.refresh);
            assert_eq!((candle.report().step, candle.report().updated), (step, 3));
            for ((var, values), name) in vars.iter().zip(&values).zip(names) {
                assert_eq!(bits(var)?, values.iter().map(|x| x.to_bits()).collect::<Vec<_>>());
                assert_eq!(state(candle.inner(), name), state(&slices, name));
            }
        }
    }
    Ok(())
}

#[test]
fn a40_a_transposed_gradient_has_the_bits_of_its_copy() -> Done {
    for shape in [[2, 2], [4, 3]] {
        let [w, copy] = [var(&shape, 2)?, var(&shape, 2)?];
        let mut strided = CandleShampoo::new(vec![w.clone()], Builder::new().inline())?;
        let mut contiguous = CandleShampoo::new(vec![copy.clone()], Builder::new().inline())?;
        for step in 0..3 {
            let gradient = tensor(&[shape[1], shape[0]], 20 + step)?.t()?;
            assert!(!gradient.is_contiguous());
            strided.step(&store(&[(&w, gradient.clone())])?)?;
            contiguous.step(&store(&[(&copy, gradient.contiguous()?)])?)?;
            assert_eq!(bits(&w)?, bits(&copy)?);
        }
        assert_eq!(state(strided.inner(), "var.0"), state(contiguous.inner(), "var.0"));
    }
    Ok(())
}

#[test]
fn part_of_a_larger_tensor_and_a_broadcast_are_gradients_too() -> Done {
    let [w, copy] = [var(&[3, 4], 3)?, var(&[3, 4], 3)?];
    let mut part = CandleShampoo::new(vec![w.clone()], Builder::new().inline())?;
    let mut whole = CandleShampoo::new(vec![copy.clone()], Builder::new().inline())?;
    let rows = tensor(&[6, 4], 30)?.narrow(0, 2, 3)?;
    let columns = tensor(&[3, 9], 31)?.narrow(D::Minus1, 4, 4)?;
    let broadcast = tensor(&[1, 4], 32)?.broadcast_as((3, 4))?;
    for gradient in [rows, columns, broadcast] {
        part.step(&store(&[(&w, gradient.clone())])?)?;
        whole.step(&store(&[(&copy, gradient.copy()?.contiguous()?)])?)?;
        assert_eq!(bits(&w)?, bits(&copy)?);
    }
    Ok(())
}

/// The portable kernel, which notes where the gradients lie that enter the statistics.
#[derive(Clone, Default)]
struct Noting(Arc<Mutex<Vec<usize>>>);

impl Kernel<f32> for Noting {
    fn gemm(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>, b: MatRef<'_, f32>) {
        portable::gemm(c, accum, alpha, a, b);
    }

    fn gram(&self, c: MatMut<'_, f32>, accum: Accum, alpha: f32, a: MatRef<'_, f32>) {
        self.0.lock().expect("no panic before").push(a.parts().0.as_ptr().addr());
        portable::gram(c, accum, alpha, a);
    }
}

impl Kernel<f64> for Noting {
    fn gemm(&self, c: MatMut<'_, f64>, accum: Accum, alpha: f64, a: MatRef<'_, f64>, b: MatRef<'_, f64>) {
        portable::gemm(c, accum, alpha, a, b);
    }
}

/// Where the first number of a contiguous tensor lies.
fn address(tensor: &Tensor) -> candle_core::Result<usize> {
    let (storage, layout) = tensor.storage_and_layout();
    match &*storage {
        Storage::Cpu(storage) => Ok(storage.as_slice::<f32>()?[layout.start_offset()..].as_ptr().addr()),
        _ => candle_core::bail!("not on the CPU"),
    }
}

#[test]
fn gradients_are_read_and_values_written_where_candle_keeps_them() -> Done {
    let noting = Noting::default();
    let w = var(&[4, 3], 4)?;
    let named = vec![("w".to_owned(), w.clone())];
    let mut optimizer = CandleShampoo::with_names(named, Builder::new().inline().kernel(noting.clone()))?;
    let values = address(&w)?;
    for gradient in [tensor(&[4, 3], 40)?, tensor(&[8, 3], 41)?.narrow(0, 3, 4)?] {
        optimizer.try_step(&store(&[(&w, gradient.clone())])?)?;
        let seen = core::mem::take(&mut *noting.0.lock().expect("no panic before"));
        assert_eq!(seen, [address(&gradient)?; 2], "once for each side");
        assert_eq!(address(&w)?, values);
    }
    Ok(())
}

#[test]
fn a_variable_without_a_gradient_is_untouched() -> Done {
    let config = Config { weight_decay: WeightDecay::Decoupled(0.1), ..SERVER_CONFIG };
    let [used, unused] = [var(&[3, 2], 9)?, var(&[2, 2], 9)?];
    let mut optimizer = CandleShampoo::new(vec![unused.clone(), used.clone()], Builder::new().inline().config(config))?;
    let before = (bits(&unused)?, state(optimizer.inner(), "var.0").0);
    let moving = bits(&used)?;
    for _ in 0..3 {
        optimizer.backward_step(&used.sqr()?.sum_all()?)?;
        assert_eq!(optimizer.report().updated, 1);
    }
    assert_eq!((bits(&unused)?, state(optimizer.inner(), "var.0").0), before);
    assert_eq!(optimizer.inner().tensor("var.0").map(|tensor| tensor.count()), Some(0));
    assert_ne!(bits(&used)?, moving);
    optimizer.step(&store(&[])?)?;
    assert_eq!(optimizer.report().updated, 0, "a step without any gradient is legal");
    Ok(())
}

#[test]
fn learning_rates_are_got_and_set() -> Done {
    let w = var(&[2, 2], 10)?;
    let mut optimizer = CandleShampoo::new(vec![w.clone()], Builder::new().inline().learning_rate(0.25))?;
    assert_eq!(optimizer.learning_rate(), 0.25);
    optimizer.set_learning_rate(0.0);
    assert_eq!((optimizer.learning_rate(), optimizer.inner().learning_rate()), (0.0, 0.0));
    let before = bits(&w)?;
    optimizer.backward_step(&w.sqr()?.sum_all()?)?;
    assert_eq!(bits(&w)?, before);
    optimizer.set_learning_rate(0.5);
    optimizer.backward_step(&w.sqr()?.sum_all()?)?;
    assert_ne!(bits(&w)?, before);
    optimizer.set_learning_rate(f64::NAN);
    let before = (bits(&w)?, state(optimizer.inner(), "var.0"));
    let error = optimizer.step(&store(&[(&w, tensor(&[2, 2], 11)?)])?).unwrap_err().to_string();
    assert!(error.contains("NaN"), "{error}");
    assert_eq!((bits(&w)?, state(optimizer.inner(), "var.0")), before);
    Ok(())
}

#[test]
fn a_scalar_and_a_gradient_that_is_the_variable_itself() -> Done {
    let [scalar, w] = [var(&[], 12)?, var(&[2, 2], 12)?];
    let mut optimizer = CandleShampoo::new(vec![scalar.clone(), w.clone()], Builder::new().threads(2))?;
    let before = (bits(&scalar)?, bits(&w)?);
    // One storage for both: the step reads it to the end before it writes.
    optimizer.step(&store(&[(&scalar, tensor(&[], 13)?), (&w, w.as_tensor().clone())])?)?;
    assert_eq!(optimizer.report().updated, 2);
    assert!(bits(&scalar)? != before.0 && bits(&w)? != before.1);
    Ok(())
}
