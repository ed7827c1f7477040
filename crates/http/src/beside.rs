//! Many questions side by side.

use futures_util::stream::{self, StreamExt};

/// How many are open at once: more than vendors let be under way, so that the slow ones hold up no others.
const OPEN: usize = 128;

/// The answers to so many questions, in their order. Like `join_all`, but a question begins only when few enough are open: of
/// ten thousand customers most would wait for their turn, each with a request that is made already.
///
/// Questions go by number, as a closure that is given a reference cannot be kept across an await.
pub async fn side_by_side<F: Future>(questions: usize, ask: impl Fn(usize) -> F) -> Vec<F::Output> {
    let asked = (0..questions).map(|number| {
        let answer = ask(number);
        async move { (number, answer.await) }
    });
    let mut answers: Vec<(usize, F::Output)> = stream::iter(asked).buffer_unordered(OPEN).collect().await;
    answers.sort_unstable_by_key(|(number, _)| *number);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
    use tokio::task::yield_now;

    #[tokio::test]
    async fn all_answer_in_order_few_are_open_and_a_slow_one_holds_up_no_other() {
        let [open, most, ended] = [const { AtomicUsize::new(0) }; 3];
        let ask = async |number: usize| {
            most.fetch_max(open.fetch_add(1, Relaxed) + 1, Relaxed);
            for _ in 0..if number == 0 { 10_000 } else { number % 7 + 1 } {
                yield_now().await;
            }
            open.fetch_sub(1, Relaxed);
            (number, ended.fetch_add(1, Relaxed))
        };
        let answers = side_by_side(1_000, ask).await;
        assert!(answers.iter().map(|(number, _)| *number).eq(0..1_000));
        assert_eq!((most.into_inner(), answers[0].1), (OPEN, 999));
    }
}
