//! Steps that are refused: a typed error that names the parameter and the figure, and nothing has changed, bit for
//! bit (CASES A14).

use crate::runtime_support::{Bench, Gradients, Shapes, gradients, settings};
use shampoo_core::error::StepError;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::tensor::largest_gradient;
use shampoo_runtime::{Builder, Error, Gradient, ParameterMut};
use shampoo_tests::generate::Random;

const SHAPES: Shapes<'static> = &[("first", &[2, 3]), ("second", &[4]), ("third", &[3, 3])];

type Change = fn(&mut Vec<ParameterMut<'_, f32>>, &mut Vec<Gradient<'_, f32>>);

/// All executors and settings, after three steps, twice: one for the bad step and one that never sees it.
fn warm() -> impl Iterator<Item = [Bench; 2]> {
    settings().into_iter().flat_map(|config| {
        [Builder::new().inline(), Builder::new().threads(2)].map(|builder| {
            [0; 2].map(|_| {
                let mut bench = Bench::new(builder.clone().config(config), SHAPES);
                bench.steps(11, 3);
                bench
            })
        })
    })
}

/// Refused, named by the parameter, with nothing changed; what follows equals a run that never saw it.
fn assert_refused(spoil: impl Fn(&mut Gradients), change: Change, words: &[&str], is_right: impl Fn(&Error) -> bool) {
    for [mut bench, mut other] in warm() {
        let before = bench.state();
        let mut bad = gradients(&mut Random::new(12), SHAPES);
        spoil(&mut bad);
        let error = bench.try_step_with(&bad, change).expect_err("refused");
        assert!(is_right(&error), "{error:?}");
        let text = error.to_string();
        assert!(words.iter().all(|word| text.contains(word)), "{text}");
        assert_eq!(bench.state(), before);
        bench.steps(13, 2);
        other.steps(13, 2);
        assert_eq!(bench.state(), other.state());
    }
}

fn refused_step(error: &Error, name: &str) -> Option<StepError> {
    match error {
        Error::Step { parameter, source } if parameter == name => Some(*source),
        _ => None,
    }
}

#[test]
fn a14_numbers_that_are_not_finite_in_the_second_parameter() {
    for poison in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let spoil = |gradients: &mut Gradients| gradients[1].1[2] = poison;
        let right = |error: &Error| refused_step(error, "second") == Some(StepError::NonFiniteGradient { index: 2 });
        assert_refused(spoil, |_, _| (), &["`second`", "entry 2"], right);
    }
}

#[test]
fn a14_as_it_is_written_down() {
    let shapes: Shapes<'_> = &[("a", &[2, 2]), ("b", &[2, 2])];
    let [mut bench, mut clean] = [0; 2].map(|_| Bench::new(Builder::new(), shapes));
    let mut random = Random::new(14);
    for step in 0..=5 {
        let good = gradients(&mut random, shapes);
        if step == 3 {
            let before = bench.state();
            let bad = vec![good[0].clone(), ("b", vec![1.0, f32::NAN, 0.0, 1.0])];
            let source = StepError::NonFiniteGradient { index: 1 };
            assert_eq!(bench.try_step(&bad), Err(Error::Step { parameter: "b".into(), source }));
            assert_eq!(bench.state(), before);
        }
        bench.step(&good);
        clean.step(&good);
        assert_eq!(bench.state(), clean.state());
    }
}

#[test]
fn numbers_whose_squares_overflow() {
    let limit = largest_gradient::<F32RootF64>(4);
    for value in [3e19_f32, f32::MAX, -2e19] {
        let right = |error: &Error| match refused_step(error, "second") {
            Some(StepError::GradientTooLarge { value: found, limit: least }) => {
                found == f64::from(value).abs() && least <= limit && least < found
            }
            _ => false,
        };
        let figure = format!("{:e}", f64::from(value).abs());
        assert_refused(|gradients| gradients[1].1[3] = value, |_, _| (), &["`second`", &figure], right);
    }
}

#[test]
fn another_shape_with_as_many_numbers() {
    let right = |error: &Error| {
        matches!(error, Error::Shape { parameter, expected, found }
            if parameter == "first" && expected == &[2, 3] && found == &[3, 2])
    };
    let words = ["`first`", "[2, 3]", "[3, 2]"];
    assert_refused(|_| (), |_, gradients| gradients[0].shape = &[3, 2], &words, right);
    assert_refused(|_| (), |parameters, _| parameters[0].shape = &[3, 2], &words, right);
    let flat = |error: &Error| matches!(error, Error::Shape { found, .. } if found == &[6]);
    assert_refused(|_| (), |_, gradients| gradients[0].shape = &[6], &["`first`", "[6]"], flat);
}

#[test]
fn too_few_or_too_many_numbers() {
    for length in [0, 5, 7] {
        let error = StepError::GradientLength { expected: 6, found: length };
        let spoil = |gradients: &mut Gradients| gradients[0].1.resize(length, 0.5);
        let figure = length.to_string();
        assert_refused(spoil, |_, _| (), &["`first`", &figure, "6"], |e| refused_step(e, "first") == Some(error));
    }
    let error = StepError::ParameterLength { expected: 6, found: 5 };
    let shorten: Change = |parameters, _| {
        let values = core::mem::take(&mut parameters[0].values);
        parameters[0].values = &mut values[..5];
    };
    assert_refused(|_| (), shorten, &["`first`", "5", "6"], |e| refused_step(e, "first") == Some(error));
}

#[test]
fn names_that_were_never_registered() {
    let right = |error: &Error| *error == Error::Unknown { parameter: "stranger".into() };
    let words = ["`stranger`"];
    assert_refused(|_| (), |_, gradients| gradients[2].name = "stranger", &words, right);
    assert_refused(|_| (), |parameters, _| parameters[2].name = "stranger", &words, right);
}

#[test]
fn names_that_come_twice_in_a_step() {
    let right = |error: &Error| *error == Error::Repeated { parameter: "first".into() };
    let words = ["`first`", "twice"];
    assert_refused(|_| (), |_, gradients| gradients.push(gradients[0]), &words, right);
    let again: Change = |parameters, _| {
        let shape = parameters[0].shape;
        parameters.push(ParameterMut { name: "first", shape, values: vec![0.0; 6].leak() });
    };
    assert_refused(|_| (), again, &words, right);
}

#[test]
fn a_gradient_whose_parameter_is_not_handed_over() {
    let right = |error: &Error| *error == Error::Missing { parameter: "second".into() };
    let words = ["`second`", "not handed over"];
    let withhold: Change = |parameters, _| parameters.retain(|parameter| parameter.name != "second");
    assert_refused(|_| (), withhold, &words, right);
}

#[test]
fn learning_rates_that_are_not_finite() {
    // The last is finite, but not in the type of the parameters.
    for rate in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300] {
        for [mut bench, mut other] in warm() {
            let usual = bench.optimizer.learning_rate();
            bench.optimizer.set_learning_rate(rate);
            let before = bench.state();
            let error = bench.try_step(&gradients(&mut Random::new(12), SHAPES)).expect_err("refused");
            assert!(matches!(error, Error::LearningRate { value } if value.to_bits() == rate.to_bits()), "{error:?}");
            assert!(error.to_string().contains(&rate.to_string()), "{error}");
            assert_eq!(bench.state(), before);
            bench.optimizer.set_learning_rate(usual);
            bench.steps(13, 2);
            other.steps(13, 2);
            assert_eq!(bench.state(), other.state());
        }
    }
}
