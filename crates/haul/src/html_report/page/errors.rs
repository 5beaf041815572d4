//! What failed, and why: by kind, by host, and each item.

use super::tables::Table;
use crate::explain;
use crate::html_report::aggregate::{Aggregate, Encoded};
use crate::html_report::html::{number, short_text};

/// The most groups by kind and host that are shown.
const MAX_GROUPS: usize = 25;
/// The longest example, in bytes.
const MAX_TEXT: usize = 200;

/// Returns the section on items that failed.
pub(super) fn section(items: &Aggregate, failures: &Encoded) -> String {
    let heading = "<section aria-labelledby=\"errors\"><h2 id=\"errors\">Errors</h2>\n";
    if items.failed == 0 {
        return format!("{heading}<p class=\"none\">No item failed.</p></section>\n");
    }
    let (kinds, hosts, each) = (kinds(items), hosts(items), each(failures));
    format!("{heading}{kinds}{hosts}{each}</section>\n")
}

fn kinds(items: &Aggregate) -> String {
    let mut kinds: Vec<_> = items.kinds.values().copied().collect();
    kinds.sort_by_key(|(kind, count)| (std::cmp::Reverse(*count), kind.name()));
    let mut table = Table::new("By kind", "kinds")
        .text("Kind")
        .number("Items")
        .text("Meaning");
    for (kind, count) in kinds {
        let value = format!(
            "<td class=\"number\" data-kind=\"{kind}\" data-value=\"{count}\">{}</td>",
            number(count)
        );
        table.row(&[
            format!("<th scope=\"row\">{kind}</th>"),
            value,
            format!("<td>{}</td>", explain::summary(kind)),
        ]);
    }
    table.finish()
}

fn hosts(items: &Aggregate) -> String {
    let groups = items.errors.largest(MAX_GROUPS);
    let mut table = Table::new("By kind and host, with an example", "groups")
        .text("Kind")
        .text("Host")
        .number("Items")
        .text("Example");
    let shown = groups.len();
    for (kind, host, group) in groups {
        table.row(&[
            format!("<th scope=\"row\">{kind}</th>"),
            format!("<td class=\"host\">{}</td>", short_text(host, MAX_TEXT)),
            format!("<td class=\"number\">{}</td>", number(group.count)),
            format!(
                "<td><span class=\"url\">{}</span> <span class=\"message\">{}</span></td>",
                short_text(&group.url, MAX_TEXT),
                short_text(&group.message, MAX_TEXT)
            ),
        ]);
    }
    let more = items.errors.count().saturating_sub(shown);
    table.note(match more {
        0 => String::new(),
        more => format!("And {} more groups.", number(more as u64)),
    });
    table.finish()
}

/// Returns the list of failures, which the script fills.
fn each(failures: &Encoded) -> String {
    let (total, shown) = (failures.total, failures.shown as u64);
    let all = "<code>haul results DIR --status failed</code>";
    let missing = if total > shown {
        format!(
            "<p>The page has {} of {} items. After a run of a list, {all} prints all of \
             them.</p>\n",
            number(shown),
            number(total)
        )
    } else {
        String::new()
    };
    format!(
        "<h3 id=\"failed-items\">Failed items</h3>\n{missing}\
         <noscript><p>The list of failed items needs JavaScript. After a run of a list, {all} \
         prints it.</p></noscript>\n\
         <div class=\"tools\" id=\"tools\" hidden><label>Search <input type=\"search\" id=\"search\" \
         placeholder=\"URL, kind or message\" autocomplete=\"off\" spellcheck=\"false\"></label>\n\
         <button type=\"button\" id=\"copy\">Copy URLs</button>\n\
         <output id=\"said\" for=\"search copy\"></output></div>\n\
         <div class=\"wide\" tabindex=\"0\" role=\"region\" aria-labelledby=\"failed-items\">\
         <table id=\"failures\" hidden><caption>Failed items that match the search</caption>\
         <thead><tr><th scope=\"col\">Kind</th><th scope=\"col\">URL and \
         message</th></tr></thead><tbody></tbody></table></div>\n\
         <p><button type=\"button\" id=\"more\" hidden>Show more</button></p>\n"
    )
}
