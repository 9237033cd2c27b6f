//! Typed errors: what core says, with the name of the parameter.

use shampoo_core::error::{ConfigError, StepError};

/// Why an optimizer was not built, or a step not made. A step that fails has changed nothing.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The settings or the shape of a parameter cannot work.
    #[error("parameter `{parameter}`: {source}")]
    Config {
        /// Name of the parameter.
        parameter: String,
        /// What is wrong.
        source: ConfigError,
    },
    /// A name was registered twice; a tied weight is registered once, with its summed gradient.
    #[error("parameter `{parameter}` is registered twice")]
    Duplicate {
        /// The name.
        parameter: String,
    },
    /// A name that was never registered.
    #[error("parameter `{parameter}` is not registered")]
    Unknown {
        /// The name.
        parameter: String,
    },
    /// A step names a parameter or a gradient twice.
    #[error("parameter `{parameter}` is named twice in this step")]
    Repeated {
        /// The name.
        parameter: String,
    },
    /// A gradient whose parameter is not among those handed over.
    #[error("parameter `{parameter}` has a gradient in this step, but its values were not handed over")]
    Missing {
        /// The name.
        parameter: String,
    },
    /// Another shape than the registered one.
    #[error("parameter `{parameter}` was registered with shape {expected:?}, found {found:?}")]
    Shape {
        /// The name.
        parameter: String,
        /// Shape at registration.
        expected: Vec<usize>,
        /// Shape now.
        found: Vec<usize>,
    },
    /// State of this size cannot be had.
    #[error("parameter `{parameter}`: {bytes} bytes of state cannot be allocated")]
    Memory {
        /// The parameter whose state, or largest worker's scratch, it is.
        parameter: String,
        /// Bytes of the buffer.
        bytes: usize,
    },
    /// Workspaces of this size cannot be had.
    #[error("a workspace of {numbers} numbers cannot be allocated")]
    Scratch {
        /// Numbers in one workspace.
        numbers: usize,
    },
    /// A registered parameter that a framework's adapter was given no variable for.
    #[error("parameter `{parameter}` is registered, but has no variable")]
    NoVariable {
        /// The name.
        parameter: String,
    },
    /// A setting that works on the host, but not where this optimizer keeps its state.
    #[error("parameter `{parameter}`: {field} cannot be {value} here")]
    Unsupported {
        /// Name of the parameter; `*` where the setting is for all.
        parameter: String,
        /// The field of the settings.
        field: &'static str,
        /// What it is.
        value: String,
    },
    /// A gradient was refused.
    #[error("parameter `{parameter}`: {source}")]
    Step {
        /// Name of the parameter.
        parameter: String,
        /// What is wrong.
        source: StepError,
    },
    /// A learning rate that is not finite.
    #[error("the learning rate is {value}")]
    LearningRate {
        /// The rate.
        value: f64,
    },
    /// The worker threads could not be started.
    #[error("worker threads: {reason}")]
    Threads {
        /// The system's words.
        reason: String,
    },
}
