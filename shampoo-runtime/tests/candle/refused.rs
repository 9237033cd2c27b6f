//! Variables and gradients that are refused: the name, and nothing has changed.

use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use shampoo_core::error::StepError;
use shampoo_core::scalar::F64;
use shampoo_runtime::candle::{CandleError, CandleShampoo};
use shampoo_runtime::{Builder, Error};

use super::{Done, bits, state, store, tensor, var};

#[test]
fn a_variable_that_is_listed_twice() -> Done {
    let w = var(&[2, 2], 5)?;
    let named = vec![("w".to_owned(), w.clone()), ("v".to_owned(), var(&[2], 5)?), ("tied".to_owned(), w)];
    let error = CandleShampoo::with_names(named, Builder::new().inline()).map(drop).unwrap_err().to_string();
    assert!(error.contains("`tied`") && error.contains("twice"), "{error}");
    // Two variables of one name.
    let named = vec![("w".to_owned(), var(&[2], 5)?), ("w".to_owned(), var(&[2], 6)?)];
    let error = CandleShampoo::with_names(named, Builder::new().inline()).map(drop).unwrap_err().to_string();
    assert!(error.contains("`w`") && error.contains("twice"), "{error}");
    Ok(())
}

#[test]
fn variables_of_another_type() -> Done {
    let wide = Var::zeros((2, 2), DType::F64, &Device::Cpu)?;
    let error = CandleShampoo::new(vec![var(&[2], 6)?, wide.clone()], Builder::new().inline()).map(drop);
    let error = error.unwrap_err().to_string();
    assert!(["`var.1`", "F64", "F32"].iter().all(|word| error.contains(word)), "{error}");
    let wide = CandleShampoo::new(vec![wide], Builder::<F64>::with_precision().inline());
    assert!(wide.is_ok(), "an optimizer in f64 takes it");
    Ok(())
}

/// A step with these gradients for the second variable is refused, and nothing has changed.
fn assert_refused(bad: Tensor, is_right: impl Fn(&CandleError) -> bool, words: &[&str]) -> Done {
    let vars = [var(&[3, 2], 7)?, var(&[2, 2], 8)?];
    let mut optimizer = CandleShampoo::new(vars.to_vec(), Builder::new().threads(2))?;
    let good = |seed| Ok::<_, candle_core::Error>([tensor(&[3, 2], seed)?, tensor(&[2, 2], seed)?]);
    let [a, b] = good(70)?;
    optimizer.step(&store(&[(&vars[0], a.clone()), (&vars[1], b)])?)?;
    let all = |optimizer: &CandleShampoo| ["var.0", "var.1"].map(|name| state(optimizer.inner(), name));
    let before = (all(&optimizer), bits(&vars[0])?, bits(&vars[1])?);
    let grads = store(&[(&vars[0], a), (&vars[1], bad)])?;
    let error = optimizer.try_step(&grads).unwrap_err();
    assert!(is_right(&error), "{error:?}");
    let text = candle_core::Error::from(error).to_string();
    assert!(words.iter().all(|word| text.contains(word)), "{text}");
    assert_eq!((all(&optimizer), bits(&vars[0])?, bits(&vars[1])?), before);
    let [a, b] = good(71)?;
    optimizer.step(&store(&[(&vars[0], a), (&vars[1], b)])?)?;
    assert_eq!(optimizer.report().step, 1, "the next step is made");
    Ok(())
}

#[test]
fn a_gradient_with_nan_changes_nothing() -> Done {
    let bad = Tensor::new(&[[1.0_f32, 2.0], [f32::NAN, 4.0]], &Device::Cpu)?;
    let source = StepError::NonFiniteGradient { index: 2 };
    let right = |error: &CandleError| {
        matches!(error, CandleError::Shampoo(Error::Step { parameter, source: found })
            if parameter == "var.1" && *found == source)
    };
    assert_refused(bad.clone(), right, &["`var.1`", "entry 2"])?;
    // The index is that of the variable, whatever the layout of the gradient.
    assert_refused(bad.t()?.contiguous()?.t()?, right, &["`var.1`", "entry 2"])
}

#[test]
fn gradients_of_another_shape_or_type_change_nothing() -> Done {
    let wrong = |error: &CandleError| matches!(error, CandleError::Candle(_));
    assert_refused(tensor(&[4], 72)?, wrong, &["`var.1`", "[2, 2]", "[4]"])?;
    assert_refused(tensor(&[2, 2], 72)?.to_dtype(DType::F64)?, wrong, &["`var.1`", "F32", "F64"])
}
