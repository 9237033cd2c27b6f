//! Progress bars on stderr; nothing at all where stderr is no terminal.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for one run of `steps` steps.
#[must_use]
pub fn bar(title: &str, steps: usize) -> ProgressBar {
    let template = "{prefix:32} {wide_bar} {pos:>5}/{len} {msg:12} {eta:>4} left";
    let bar = ProgressBar::new(steps as u64).with_prefix(title.to_owned());
    // A template that does not parse costs the style, not the run; a test sees that it parses.
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("━╸ "));
    }
    bar
}

#[cfg(test)]
mod tests {
    #[test]
    fn bars_count() {
        let bar = super::bar("Adam", 3);
        bar.inc(2);
        assert_eq!((bar.position(), bar.length()), (2, Some(3)));
    }
}
