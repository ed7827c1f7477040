//! The suite for mailers itself: a good one passes, and each broken one fails at the step that is there for it.

mod post;

use post::{Flaw, Letterbox};
use tallysheet_testkit::MailCase;
use tallysheet_testkit::mail::examine_mail;

fn case() -> MailCase {
    MailCase {
        slug: "post",
        from: post::FROM,
        account: (post::FROM, None),
        takes_text: true,
        names_refused: true,
        encoded_secrets: Vec::new(),
        skips: vec![("documented", "a mailer made up for a test has no folder")],
    }
}

#[tokio::test]
async fn a_good_mailer_passes() {
    let failures = examine_mail(&case(), &mut Letterbox::new(Flaw::None)).await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test]
async fn each_flaw_is_found_by_the_step_that_is_there_for_it() {
    for (flaw, step) in [
        (Flaw::SendsToEachAlone, "delivered"),
        (Flaw::ForgetsARecipient, "delivered"),
        (Flaw::SendsAsAnother, "delivered"),
        (Flaw::CutsTheSubject, "delivered"),
        (Flaw::RenamesTheFile, "delivered"),
        (Flaw::ChangesLineEnds, "delivered"),
        (Flaw::ForgetsTheText, "delivered"),
        (Flaw::ForgetsTheHtml, "delivered"),
        (Flaw::CutsLargeFiles, "large"),
        (Flaw::InventsIds, "stable"),
        (Flaw::HasOneId, "stable"),
        (Flaw::SendsToCheck, "check"),
        (Flaw::ChecksNothing, "wrong_password"),
        (Flaw::CallsARefusalUnavailable, "wrong_password"),
        (Flaw::SendsToTheOthers, "refused"),
        (Flaw::NamesNobody, "refused"),
        (Flaw::NamesEverybody, "refused"),
        (Flaw::NeverTriesAgain, "put_off"),
        (Flaw::TakesTheUnknownAsDone, "unknown"),
        (Flaw::TakesTheUnknownAsFailed, "unknown"),
        (Flaw::RepeatsTheUnknown, "unknown"),
        (Flaw::OffersNothing, "declared"),
        (Flaw::SaysItsPassword, "quiet"),
        (Flaw::EchoesTheServer, "quiet"),
    ] {
        let mut steps: Vec<&str> =
            examine_mail(&case(), &mut Letterbox::new(flaw)).await.iter().map(|failure| failure.step).collect();
        steps.dedup();
        assert!(steps.contains(&step), "{flaw:?} fails at {steps:?}, not at {step}");
    }
}

#[tokio::test]
async fn a_skip_needs_a_step_and_a_reason() {
    for (step, reason) in [("larger", "there is no such step"), ("large", "")] {
        let skips = vec![case().skips[0], (step, reason)];
        let failures = examine_mail(&MailCase { skips, ..case() }, &mut Letterbox::new(Flaw::None)).await;
        assert_eq!(failures.iter().map(|failure| failure.step).collect::<Vec<_>>(), [step]);
    }
}
