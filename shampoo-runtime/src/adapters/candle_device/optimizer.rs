//! The trait of candle's own optimizers.

use candle_core::Var;
use candle_core::backprop::GradStore;
use candle_nn::Optimizer;
use shampoo_core::kernel::Kernel;
use shampoo_core::learning_rate::LearningRate;
use shampoo_core::scalar::Precision;

use super::DeviceShampoo;
use crate::kernel::Server;
use crate::params::Builder;

impl<P: Precision<Work = f32, Store = f32>> Optimizer for DeviceShampoo<P, Server>
where
    Server: Kernel<P::Root>,
{
    type Config = Builder<P, Server>;

    /// Variables are named by their place, `var.0`, `var.1`, ...; [`DeviceShampoo::with_names`] names them better.
    fn new(vars: Vec<Var>, config: Self::Config) -> candle_core::Result<Self> {
        let named = vars.into_iter().enumerate().map(|(place, var)| (format!("var.{place}"), var));
        Ok(Self::with_names(named.collect(), config)?)
    }

    fn step(&mut self, grads: &GradStore) -> candle_core::Result<()> {
        Ok(self.try_step(grads)?)
    }

    fn learning_rate(&self) -> f64 {
        self.learning_rate.at(self.step)
    }

    fn set_learning_rate(&mut self, rate: f64) {
        self.learning_rate = LearningRate::constant(rate);
    }
}
