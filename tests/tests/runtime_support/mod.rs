//! An optimizer under test with the values of its parameters, and its whole state in bits.
#![allow(dead_code, unused_imports, unused_macros, reason = "every test file uses its own part")]

pub(crate) mod battery;
pub(crate) mod faults;

use shampoo_core::config::Config;
use shampoo_core::diagonal::sm3::Variant;
use shampoo_core::graft::Graft;
use shampoo_core::kernel::Kernel;
use shampoo_core::momentum::Momentum;
use shampoo_core::scalar::F32RootF64;
use shampoo_core::schedule::Slot;
use shampoo_runtime::kernel::Server;
use shampoo_runtime::{Builder, Error, Gradient, ParameterMut, SERVER_CONFIG, Shampoo, StepReport};
use shampoo_tests::generate::Random;

/// Names with their shapes.
pub(crate) type Shapes<'a> = &'a [(&'static str, &'a [usize])];

/// Names with a gradient each.
pub(crate) type Gradients = Vec<(&'static str, Vec<f32>)>;

/// Plain gradient descent: a step of the learning rate times the gradient, exactly.
pub(crate) const DESCENT: Config = Config { momentum: Momentum::NONE, ..Config::diagonal(Graft::Sgd) };

struct Parameter {
    name: &'static str,
    shape: Vec<usize>,
    values: Vec<f32>,
}

/// An optimizer and the parameters that it trains.
pub(crate) struct Bench<K = Server> {
    pub(crate) optimizer: Shampoo<F32RootF64, K>,
    parameters: Vec<Parameter>,
}

/// One parameter and its state, in bits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ParameterState {
    pub(crate) name: &'static str,
    pub(crate) values: Vec<u32>,
    pub(crate) statistics: Vec<u32>,
    pub(crate) roots: Vec<u32>,
    pub(crate) graft: Vec<u32>,
    pub(crate) momentum: Vec<u32>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) count: u64,
}

/// Everything that a step may change.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct State {
    pub(crate) step: u64,
    pub(crate) rate: u64,
    pub(crate) parameters: Vec<ParameterState>,
}

pub(crate) fn bits(x: &[f32]) -> Vec<u32> {
    x.iter().map(|x| x.to_bits()).collect()
}

pub(crate) fn gaussians(random: &mut Random, length: usize) -> Vec<f32> {
    random.gaussians(length).into_iter().map(|x| x as f32).collect()
}

/// A gradient for each of these.
pub(crate) fn gradients(random: &mut Random, shapes: Shapes<'_>) -> Gradients {
    shapes.iter().map(|(name, shape)| (*name, gaussians(random, shape.iter().product()))).collect()
}

/// Settings that differ in which state they keep.
pub(crate) fn settings() -> [Config; 3] {
    let talk = Config { certificate: SERVER_CONFIG.certificate, ..Config::talk_2021() };
    let averaging = shampoo_core::statistics::Averaging::Sum;
    [SERVER_CONFIG, talk, Config::diagonal(Graft::Sm3 { variant: Variant::II, averaging, epsilon: 1e-10 })]
}

impl<K: Kernel<f32> + Kernel<f64> + Send + 'static> Bench<K> {
    /// Registers the parameters and gives each values that depend on its name alone.
    pub(crate) fn new(builder: Builder<F32RootF64, K>, shapes: Shapes<'_>) -> Self {
        let builder = shapes.iter().fold(builder, |builder, (name, shape)| builder.parameter(*name, shape));
        Self::built(builder, shapes)
    }

    /// The same where the builder has registered them already.
    pub(crate) fn built(builder: Builder<F32RootF64, K>, shapes: Shapes<'_>) -> Self {
        let parameters = shapes.iter().map(|&(name, shape)| {
            let seed = name.bytes().fold(1, |seed: u64, byte| seed.wrapping_mul(257) + u64::from(byte));
            let values = gaussians(&mut Random::new(seed), shape.iter().product());
            Parameter { name, shape: shape.to_vec(), values }
        });
        Self { parameters: parameters.collect(), optimizer: builder.build().expect("legal settings") }
    }

    /// All values of a parameter.
    pub(crate) fn values(&mut self, name: &str) -> &mut Vec<f32> {
        &mut self.parameters.iter_mut().find(|parameter| parameter.name == name).expect("a known name").values
    }

    /// A step with these gradients; all parameters are handed over.
    pub(crate) fn try_step(&mut self, gradients: &[(&'static str, Vec<f32>)]) -> Result<StepReport, Error> {
        self.try_step_with(gradients, |_, _| ())
    }

    /// The same after a change of what is handed over.
    pub(crate) fn try_step_with<'a>(
        &'a mut self,
        gradients: &'a [(&'static str, Vec<f32>)],
        change: impl FnOnce(&mut Vec<ParameterMut<'a, f32>>, &mut Vec<Gradient<'a, f32>>),
    ) -> Result<StepReport, Error> {
        let find = |name| self.parameters.iter().position(|parameter| parameter.name == name).expect("a known name");
        let places: Vec<_> = gradients.iter().map(|(name, _)| find(*name)).collect();
        let mut shapes: Vec<&[usize]> = Vec::new();
        let mut values = Vec::new();
        for Parameter { name, shape, values: own } in &mut self.parameters {
            shapes.push(shape);
            values.push(ParameterMut { name, shape, values: own });
        }
        let named = gradients.iter().zip(places);
        let mut gradients =
            named.map(|((name, values), place)| Gradient { name, shape: shapes[place], values }).collect();
        change(&mut values, &mut gradients);
        self.optimizer.step(&mut values, &gradients)
    }

    #[track_caller]
    pub(crate) fn step(&mut self, gradients: &[(&'static str, Vec<f32>)]) -> StepReport {
        self.try_step(gradients).expect("legal gradients")
    }

    /// So many steps with a gradient for every parameter; the same seed gives the same gradients.
    #[track_caller]
    pub(crate) fn steps(&mut self, seed: u64, count: usize) -> Vec<StepReport> {
        let shapes: Vec<(&'static str, Vec<usize>)> =
            self.parameters.iter().map(|parameter| (parameter.name, parameter.shape.clone())).collect();
        let shapes: Vec<(&'static str, &[usize])> = shapes.iter().map(|(name, shape)| (*name, &shape[..])).collect();
        let mut random = Random::new(seed);
        (0..count).map(|_| self.step(&gradients(&mut random, &shapes))).collect()
    }

    pub(crate) fn state(&self) -> State {
        let parameters = self.parameters.iter().map(|Parameter { name, values, .. }| {
            let tensor = self.optimizer.tensor(name).expect("registered");
            ParameterState {
                name,
                values: bits(values),
                statistics: bits(tensor.statistics()),
                roots: bits(tensor.roots()),
                graft: bits(tensor.graft_state()),
                momentum: bits(tensor.momentum()),
                slots: tensor.slots().to_vec(),
                count: tensor.count(),
            }
        });
        let rate = self.optimizer.learning_rate().to_bits();
        State { step: self.optimizer.steps(), rate, parameters: parameters.collect() }
    }

    /// State of one parameter.
    pub(crate) fn state_of(&self, name: &str) -> ParameterState {
        self.state().parameters.into_iter().find(|state| state.name == name).expect("a known name")
    }
}
