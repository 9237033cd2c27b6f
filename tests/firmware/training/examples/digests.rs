//! What every target must print: for both sizes and each method, digest and held-out loss after 100 steps.

use training::{Memory, Method, Sizes, Small, Standard, Training};

/// One line: size, method, steps, digest, held-out loss in thousandths.
fn print<const W: usize, const S: usize>(name: &str, mut memory: Memory<W, S>, sizes: Sizes, method: Method) {
    let mut training = Training::start(&mut memory, sizes, method).expect("memory fits");
    (0..100).for_each(|_| _ = training.step().expect("a finite gradient"));
    let loss = (1000.0 * training.held_out(256)) as u32;
    println!("{name} {method:?} {} {:08x} {loss}", training.steps(), training.digest());
}

fn main() {
    for method in Method::ALL {
        print("small", Small::new(), Sizes::SMALL, method);
        print("standard", Standard::new(), Sizes::STANDARD, method);
    }
}
