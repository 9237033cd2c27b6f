//! All parameters in one step, as an [`Accelerator`].

use candle_core::Tensor;
use shampoo_core::block::Refresh;
use shampoo_core::scalar::Precision;

use super::factor::Factor;
use super::parameter::Parameter;
use crate::accelerator::Accelerator;
use crate::candle::CandleError;

/// The parameters, on one device.
#[derive(Debug)]
pub(super) struct Parameters {
    pub(super) each: Vec<Parameter>,
    pub(super) roots_on_device: bool,
}

impl<P: Precision<Work = f32, Store = f32>> Accelerator<P> for Parameters {
    type Error = CandleError;
    type Factor<'a> = Factor<'a>;

    fn parameters(&self) -> usize {
        self.each.len()
    }

    fn count(&self, parameter: usize) -> Option<u64> {
        self.each.get(parameter).filter(|parameter| parameter.gradient.is_some()).map(Parameter::count)
    }

    /// One number a parameter comes to the host, all of them together.
    fn check(&mut self) -> Result<(), CandleError> {
        let mut largest = Vec::with_capacity(self.each.len());
        let mut judged = Vec::with_capacity(self.each.len());
        for parameter in &mut self.each {
            if let Some(own) = parameter.largest()? {
                largest.push(own);
                judged.push(parameter);
            }
        }
        if largest.is_empty() {
            return Ok(());
        }
        let values = Tensor::stack(&largest, 0)?.to_vec1::<f32>()?;
        judged.into_iter().zip(values).try_for_each(|(parameter, value)| parameter.judge(value.into()))
    }

    fn accumulate(&mut self) -> Result<u32, CandleError> {
        self.each.iter_mut().try_for_each(Parameter::accumulate)?;
        Ok(0)
    }

    /// None: all roots are the pipeline's.
    fn refresh(&mut self) -> Result<Refresh, CandleError> {
        Ok(Refresh::default())
    }

    fn is_driven(&self, _: usize) -> bool {
        true
    }

    fn factors(&mut self, parameter: usize) -> impl Iterator<Item = Factor<'_>> {
        let roots_on_device = self.roots_on_device;
        self.each.get_mut(parameter).into_iter().flat_map(move |parameter| parameter.factors(roots_on_device))
    }

    /// All is computed before any variable is written: a gradient may be another variable.
    fn apply(&mut self, rate: f64) -> Result<u32, CandleError> {
        let computed = self.each.iter_mut().map(|parameter| parameter.apply::<P>(rate));
        let values = computed.collect::<candle_core::Result<Vec<_>>>()?;
        for (parameter, values) in self.each.iter().zip(values) {
            if let Some(values) = values {
                parameter.var.set(&values)?;
            }
        }
        Ok(0)
    }
}
