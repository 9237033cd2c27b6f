//! Inverse roots, their certificates, and what they are made of.

#[path = "../common/mod.rs"]
mod common;

mod batch;
mod certificate_sign;
mod certificates;
mod choice;
mod double_f32;
mod drift;
mod edges;
mod eigen;
mod golden;
mod jobs;
mod laws;
mod loewner;
mod rational_tables;
mod scale;
