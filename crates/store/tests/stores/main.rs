//! One suite for every store: SQLite, and PostgreSQL where this machine has it.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test may panic, and tell figures")]

mod counts;
mod runs;
mod shared;

use jiff::Timestamp;
use tallysheet_core::Secret;
use tallysheet_store::{Postgres, Sqlite, Store};
use tallysheet_testkit::postgres::database;
use tempfile::TempDir;

/// Where a test has its store. Opened twice it is used twice, as by two processes.
enum Home {
    Folder(TempDir),
    Database(String),
}

impl Home {
    async fn open(&self) -> Box<dyn Store> {
        match self {
            Self::Folder(folder) => Box::new(Sqlite::open(&folder.path().join("runs.db")).unwrap()),
            Self::Database(url) => Box::new(Postgres::open(&Secret::new(url.clone())).await.unwrap()),
        }
    }

    /// How many bytes it takes, where that is known.
    fn size(&self) -> Option<u64> {
        match self {
            Self::Folder(folder) => Some(std::fs::metadata(folder.path().join("runs.db")).unwrap().len()),
            Self::Database(_) => None,
        }
    }
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

macro_rules! suite {
    ($($(#[$more:meta])* $room:ident::$test:ident,)*) => {
        mod sqlite {
            $(#[tokio::test] $(#[$more])* async fn $test() {
                crate::$room::$test(crate::Home::Folder(tempfile::tempdir().unwrap())).await;
            })*
        }
        mod postgres {
            $(#[tokio::test] $(#[$more])* async fn $test() {
                if let Some(url) = crate::database(stringify!($test)) {
                    crate::$room::$test(crate::Home::Database(url)).await;
                }
            })*
        }
    };
}

suite! {
    runs::what_is_kept_comes_back_whole,
    runs::runs_are_listed_newest_first_and_one_that_was_cut_off_has_no_status,
    runs::columns_of_integrations_that_are_not_named_stay,
    runs::a_note_is_swapped_by_one_only,
    runs::two_processes_write_side_by_side,
    runs::the_run_to_compare_with_is_that_of_the_schedule_or_of_the_same_integrations,
    runs::old_runs_go_but_for_the_last_that_counted,
    runs::texts_are_sorted_by_their_bytes_and_may_hold_anything,
    counts::what_stays_is_written_once_and_read_every_day,
    counts::the_last_run_of_a_day_stands_for_it_and_a_failure_undoes_no_count,
    counts::what_is_not_believed_is_no_last_good_count_until_it_is_accepted,
    counts::rows_that_are_gone_and_too_few_orgs_are_accepted_too,
    counts::old_counts_go_and_what_is_needed_stays,
    counts::names_are_those_of_today,
    counts::two_processes_count_at_once,
    #[ignore = "takes a minute; its size and speed stand in the reference"]
    counts::a_year_stays_small_and_quick,
}
