//! The network, written out: `p = softmax(V tanh(W x))` and the cross-entropy -log p of the right class.

/// A network's sizes. The last input is a constant 1, so that the first layer has a bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Inputs with the constant one; one less is the number of sensors.
    pub inputs: usize,
    /// Hidden units.
    pub hidden: usize,
}

/// The network with its weights W and V, row-major, and what a pass through it needs.
pub struct Network<'a> {
    /// Its sizes.
    pub sizes: Sizes,
    /// W and V.
    pub weights: [&'a [f32]; 2],
    /// Outputs of the hidden units; after [`backward`](Network::backward) the loss's derivatives by their sums.
    pub hidden: &'a mut [f32],
    /// Outputs; after [`forward`](Network::forward) their derivatives.
    pub outputs: &'a mut [f32],
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).fold(0.0, |sum, (&a, &b)| sum + a * b)
}

impl Network<'_> {
    /// The loss of one sample; leaves p - e_class, its derivative by the outputs' sums, in `outputs`.
    pub fn forward(&mut self, inputs: &[f32], class: usize) -> f32 {
        let [first, second] = self.weights;
        for (hidden, row) in self.hidden.iter_mut().zip(first.chunks_exact(self.sizes.inputs.max(1))) {
            *hidden = libm::tanhf(dot(row, inputs));
        }
        for (output, row) in self.outputs.iter_mut().zip(second.chunks_exact(self.sizes.hidden.max(1))) {
            *output = dot(row, self.hidden);
        }
        // The largest first: no exponential overflows.
        let largest = self.outputs.iter().fold(f32::MIN, |largest, &z| if z > largest { z } else { largest });
        let right = self.outputs.get(class).copied().unwrap_or_default();
        let sum = self.outputs.iter_mut().fold(0.0, |sum, z| {
            *z = libm::expf(*z - largest);
            sum + *z
        });
        self.outputs.iter_mut().for_each(|z| *z /= sum);
        if let Some(right) = self.outputs.get_mut(class) {
            *right -= 1.0;
        }
        libm::logf(sum) + largest - right
    }

    /// Adds `weight` times the derivatives of the sample that went through last to both gradients.
    pub fn backward(&mut self, inputs: &[f32], weight: f32, gradients: [&mut [f32]; 2]) {
        let [first, second] = gradients;
        let width = self.sizes.hidden.max(1);
        for (row, &output) in second.chunks_exact_mut(width).zip(self.outputs.iter()) {
            row.iter_mut().zip(self.hidden.iter()).for_each(|(g, &h)| *g += weight * output * h);
        }
        let [_, weights] = self.weights;
        for (j, hidden) in self.hidden.iter_mut().enumerate() {
            let column = weights.get(j..).unwrap_or_default().iter().step_by(width);
            let above = column.zip(self.outputs.iter()).fold(0.0, |sum, (&v, &output)| sum + v * output);
            *hidden = above * (1.0 - *hidden * *hidden);
        }
        for (row, &hidden) in first.chunks_exact_mut(self.sizes.inputs.max(1)).zip(self.hidden.iter()) {
            row.iter_mut().zip(inputs).for_each(|(g, &x)| *g += weight * hidden * x);
        }
    }
}
