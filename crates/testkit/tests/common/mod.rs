//! What the tests of the suite share.

use tallysheet_testkit::{Case, examine};

/// The steps that find something, each once.
pub(crate) async fn steps_that_fail(case: Case) -> Vec<&'static str> {
    let mut steps: Vec<&str> = examine(case).await.iter().map(|failure| failure.step).collect();
    // What this step meets is left to chance: it often finds a flaw besides the step that is there for it.
    steps.retain(|step| *step != "mutated");
    steps.dedup();
    steps
}
