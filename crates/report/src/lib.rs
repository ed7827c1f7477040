//! Turns a run into bytes and text: what a delivery carries, what a terminal shows, what a ticket says.
//!
//! Nothing is decided here. A cell is written as the merge left it; a blank is never a zero, in no format.
//!
//! | module | makes |
//! | --- | --- |
//! | `format` | the names of the formats, and [`render`] |
//! | `sheet` | CSV, and CSV with one line a cell |
//! | `json` | the one object that a run is, and the lines of its log |
//! | `xlsx` | the workbook |
//! | `history`, `month` | how counts moved; the figures of a month |
//! | `reconcile` | counted against billed: CSV, a table, an object, and the texts of it |
//! | `html` | the page |
//! | `moved` | what changed since an earlier run, as texts |
//! | `table` | the table for a terminal |
//! | `summary` | totals and failures without a customer's name, as text and as HTML |
//! | `digest` | what summary, page and workbook say of a run as a whole |
//! | `text` | how a number, a state and a foreign text are written |

mod digest;
mod format;
mod history;
mod html;
mod json;
mod month;
mod moved;
mod reconcile;
mod sheet;
mod summary;
mod table;
mod text;
mod xlsx;

pub use format::{Format, render};
pub use history::{history_csv, history_json, history_table};
pub use json::{json, json_object, log_lines};
pub use month::{month_csv, month_json};
pub use reconcile::{reconcile_csv, reconcile_table, reconcile_top};
pub use summary::{status_word, summary, summary_html};
pub use table::table;
pub use xlsx::month_book;
