#![no_std]
#![cfg_attr(test, allow(clippy::indexing_slicing))]
//! The Shampoo optimizer without std and without a heap.
//!
//! For each layer's gradient G Shampoo keeps L = sum G G^T and R = sum G^T G, cut into blocks, and steps along
//! L^{-1/4} G R^{-1/4}, with the step's length taken from a cheap method (\[Sh18\], \[Sh20\]). This crate holds every
//! formula of it once, over borrowed memory, for a microcontroller and for a server alike:
//! `shampoo-runtime` adds memory, threads and frameworks, and no formula.
//!
//! # The layers
//!
//! Each uses only what stands above it.
//!
//! | module | what it is | who uses it |
//! |---|---|---|
//! | [`error`] | one small enum an operation, with the figure that failed | everyone |
//! | [`scalar`] | which number type plays which role ([`Precision`](scalar::Precision)) | everyone |
//! | [`capacity`] | run-time lengths under a fixed capacity | shapes |
//! | [`mat`] | views of matrices, one triangle of a symmetric one | kernels, roots, statistics |
//! | [`kernel`] | the few passes over numbers that all is made of; a value passed in | all that computes |
//! | [`linalg`] | norms, factorisations, and **certified inverse roots** | blocks; useful alone |
//! | [`statistics`], [`partition`] | Kronecker statistics; how a tensor is cut | blocks |
//! | [`diagonal`] | SGD with trust ratios, AdaGrad, RMSProp, Adam, SM3 over any cover, full-matrix AdaGrad | grafts; useful alone |
//! | [`graft`], [`momentum`], [`learning_rate`] | the length of a step, its memory, its rate | tensors |
//! | [`schedule`] | when what happens: a state machine over step numbers | blocks, executors |
//! | [`config`] | the settings of one parameter, and named sets of them | tensors, the runtime |
//! | [`fixed`] | settings as part of a type: a program links what they ask for | programs on devices |
//! | [`block`] | the blocks of one tensor; can be halved for threads | tensors, the runtime |
//! | [`tensor`] | one parameter: its state, and the whole of its step | programs |
//! | [`ticks`] | their roots beside training without threads: a budget of flops a call | programs on devices |
//! | [`image`] | their state as bytes, for flash: checked before anything is written | programs on devices |
//! | [`lookup`] | the same for a table of which a batch reads rows | programs |
//! | [`kfac`] | the factors of K-FAC, for a layer's inputs and its outputs' gradients | useful alone |
//!
//! # What to start from
//!
//! A program on a device builds a [`Tensor`](tensor::Tensor) over arrays or static buffers (the example there is a
//! whole program). A server uses `shampoo-runtime`. Someone who wants only a root calls
//! [`inverse_root`](linalg::inverse_root::inverse_root).
//!
//! # What holds everywhere
//!
//! No panic is reachable from the public functions in an optimised build: a test links them with an undefined panic
//! handler. (Printing an error with a floating-point figure is the exception: core's own formatting can panic.)
//! Shapes are checked where state or a view is made; a step then fails only on what it is handed (gradient,
//! parameter, rate, workspace), and changes nothing when it does. The [`Portable`](kernel::Portable) kernel gives the same bits on every target.
//!
//! `#[inline(never)]` keeps small what has many callers and little to do: at opt-level s one copy a caller was 6 KB of a
//! program. (What needs the stack, or is measured to be quicker so, says so itself.)
//!
//! # What this crate does not do
//!
//! It does not allocate, start threads, read a clock, or know names of parameters; it computes no gradients.
//!
//! # References
//!
//! \[Sh18\] Gupta, Koren, Singer 2018, arXiv 1802.09568. \[Sh20\] Anil, Gupta, Koren, Regan, Singer 2020, arXiv
//! 2002.09018. \[SM3\] Anil, Gupta, Koren, Singer 2019, arXiv 1901.11150. \[AG\] Agarwal et al. 2020, arXiv 2002.11803.
//! \[GH\] Guo and Higham 2006. \[FoM\] Higham, Functions of Matrices, 2008. \[GP\] google-research/precondition.
//! \[FB\] facebookresearch/optimizers. \[LV\] tensorflow/lingvo, distributed_shampoo.

pub mod block;
pub mod capacity;
pub mod config;
pub mod diagonal;
pub mod error;
pub mod fixed;
pub mod graft;
pub mod image;
pub mod kernel;
pub mod kfac;
pub mod learning_rate;
pub mod linalg;
pub mod lookup;
pub mod mat;
pub mod momentum;
pub mod partition;
pub mod scalar;
pub mod schedule;
pub mod statistics;
pub mod tensor;
pub mod ticks;
