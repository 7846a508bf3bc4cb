//! The command line of mustool.
fn main() {}
