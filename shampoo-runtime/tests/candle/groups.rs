//! Parameters with settings of their own, through candle.

use candle_nn::Optimizer;
use shampoo_core::config::Config;
use shampoo_core::graft::Graft;
use shampoo_runtime::Builder;
use shampoo_runtime::candle::CandleShampoo;

use super::{Done, store, tensor, var};

#[test]
fn a_registered_name_keeps_its_settings() -> Done {
    let (layer, table) = (var(&[4, 3], 1)?, var(&[6, 2], 2)?);
    let sgd = Config::diagonal(Graft::Sgd);
    let builder = Builder::new().learning_rate(0.5).parameter_with("table", &[6, 2], sgd);
    // In another order than they are registered in.
    let vars = vec![("layer".to_owned(), layer.clone()), ("table".to_owned(), table.clone())];
    let mut optimizer = CandleShampoo::with_names(vars, builder)?;
    assert_eq!(optimizer.inner().config("table"), Some(&sgd));
    assert_ne!(optimizer.inner().config("layer"), Some(&sgd));

    let before = table.as_tensor().copy()?;
    let gradient = tensor(&[6, 2], 3)?;
    optimizer.step(&store(&[(&layer, tensor(&[4, 3], 4)?), (&table, gradient.clone())])?)?;
    let right = (before - (gradient * 0.5)?)?;
    assert_eq!(super::bits(&table)?, super::bits(&right)?, "its own gradient, and plain SGD");
    Ok(())
}

#[test]
fn names_and_variables_must_match() -> Done {
    let wanted = Builder::new().parameter("there", &[2, 2]);
    let refusal = |builder: Builder, vars: Vec<(&str, candle_core::Var)>| {
        let vars = vars.into_iter().map(|(name, var)| (name.to_owned(), var)).collect();
        CandleShampoo::with_names(vars, builder).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let missing = refusal(wanted.clone(), vec![("other", var(&[2, 2], 1)?)]);
    assert!(missing.contains("`there`") && missing.contains("no variable"), "{missing}");
    let shape = refusal(wanted.clone(), vec![("there", var(&[4], 1)?)]);
    assert!(shape.contains("`there`") && shape.contains("[2, 2]") && shape.contains("[4]"), "{shape}");
    let twice = refusal(wanted, vec![("there", var(&[2, 2], 1)?), ("there", var(&[2, 2], 2)?)]);
    assert!(twice.contains("`there`") && twice.contains("twice"), "{twice}");
    Ok(())
}
