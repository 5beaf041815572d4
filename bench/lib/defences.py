"""What haul does about each fault, the tests that show it, and how to take the defence out.

A `Cut` replaces a piece of a source file, so that the test must fail; `None` where what defends is not ours (hyper, rustls), or is
not a piece that can be taken out: then `why` says so.
"""

from dataclasses import dataclass

ENGINE = "crates/haulage/src/"


@dataclass(frozen=True)
class Cut:
    """`before` becomes `after` in a file below the engine's sources (or below the root, from `/` on)."""

    path: str
    before: str
    after: str

    @property
    def file(self):
        return self.path[1:] if self.path.startswith("/") else ENGINE + self.path


@dataclass(frozen=True)
class Defence:
    """One row of the table; `tests` are `place::name`, where `engine::` is an integration test of the library."""

    row: str
    fault: str
    does: str
    tests: tuple
    cut: Cut | tuple | None = None
    why: str = ""

    @property
    def cuts(self):
        """All that is taken out together, where one defence stands behind another."""
        if self.cut is None:
            return ()
        return self.cut if isinstance(self.cut, tuple) else (self.cut,)


HYPER = "hyper's own; the test notices when the origin behaves"

DEFENCES = (
    Defence("1", "the connection is reset in the middle of a body", "incomplete, tried again",
            ("engine::framing::a_reset_within_a_body_leaves_it_incomplete",),
            Cut("fetch/classify.rs", "                ErrorKind::Incomplete,", "                ErrorKind::Protocol,")),
    Defence("2", "a body is shorter than its Content-Length", "incomplete, no file",
            ("write::part::tests::what_is_shorter_or_longer_than_promised_gets_no_name",
             "engine::repeating::a_body_that_is_cut_short_is_incomplete_and_leaves_no_file"),
            Cut("write/verify.rs", "Some(promised) if promised != received =>", "Some(promised) if promised == u64::MAX && received == 0 =>")),
    Defence("3", "bytes follow the Content-Length", "ignored; the connection is not used again",
            ("engine::framing::what_follows_a_body_is_ignored_and_its_connection_closed",), why=HYPER),
    Defence("4", "no length, and the connection ends", "complete but `verified: none`; over TLS without a farewell incomplete",
            ("engine::fetching::a_body_that_ends_with_its_connection_is_taken_but_not_verified",
             "engine::framing::without_a_length_the_end_of_the_connection_is_the_end_unless_tls_says_nothing"),
            Cut("plan/head.rs", "        Verified::Nothing\n    }\n}", "        Verified::Length\n    }\n}")),
    Defence("5", "chunks without the last one", "incomplete",
            ("engine::framing::a_connection_that_breaks_within_a_body_leaves_it_incomplete",),
            Cut("fetch/classify.rs", "                ErrorKind::Incomplete,", "                ErrorKind::Protocol,")),
    Defence("6", "Transfer-Encoding beside a Content-Length", "Transfer-Encoding wins; the connection is not used again",
            ("engine::framing::transfer_encoding_wins_over_a_length_and_ends_its_connection",),
            Cut("engine/exchange.rs", "if head::is_framed_twice(&head.headers) {", "if false && head::is_framed_twice(&head.headers) {")),
    Defence("6", "several Content-Lengths, or malformed ones", "equal ones are one; others are `protocol`",
            ("engine::framing::lengths_that_agree_are_one_and_others_are_no_http",), why=HYPER),
    Defence("7", "headers without end", "`protocol`, at 128 of them or 64 KiB",
            ("engine::floods::headers_without_end_are_no_http",),
            (Cut("fetch/connect.rs", "const MOST_HEADERS: usize = 128;", "const MOST_HEADERS: usize = 1 << 20;"),
             Cut("fetch/connect.rs", "const MOST_HEADER_BYTES: u32 = 64 << 10;", "const MOST_HEADER_BYTES: u32 = 64 << 20;"),
             Cut("fetch/flood.rs", "        bytes <= left\n", "        bytes <= left || left != NO_BOUND\n"))),
    Defence("7", "1xx responses without end", "`protocol`, at 512 KiB before an answer",
            ("engine::floods::early_responses_are_passed_over_but_not_without_end",),
            Cut("fetch/flood.rs", "        bytes <= left\n", "        bytes <= left || left != NO_BOUND\n")),
    Defence("7", "trailers without end", "`protocol`",
            ("engine::floods::trailers_without_end_are_no_http",), why=HYPER),
    Defence("8", "204, 205; a 200 of no bytes", "nothing to save: failed; an empty file",
            ("engine::framing::what_has_nothing_to_save_fails_and_an_empty_file_is_one",),
            Cut("plan/head.rs", "StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT =>", "StatusCode::IM_A_TEAPOT =>")),
    Defence("9", "HTTP/2 GOAWAY, REFUSED_STREAM", "streams that were not processed go again at once, not counted",
            ("engine::resending::http2_streams_that_were_not_processed_go_again",),
            Cut("fetch/classify.rs", "    let http2 = find::<h2::Error>(cause).filter(|http2| http2.is_remote())?;",
                "    let http2 = find::<h2::Error>(cause).filter(|http2| http2.is_remote() && http2.is_io())?;")),
    Defence("9", "HTTP/2 GOAWAY while many streams are under way", "those it covers end, the others go again, not counted",
            ("engine::resending::many_streams_survive_a_connection_that_says_goodbye",),
            (Cut("fetch/classify.rs", "    if http2.is_go_away() {", "    if http2.is_go_away() && http2.is_io() {"),
             Cut("engine/exchange.rs", "Unanswered::Failed(error) if self.used && error.kind() == ErrorKind::Reset => {",
                 "Unanswered::Failed(error) if self.used && error.kind() == ErrorKind::Disk => {"))),
    Defence("9", "RST_STREAM in the middle of a body", "never taken for the end, whatever its reason",
            ("engine::repeating::a_stream_that_was_reset_is_no_whole_body_whatever_the_reason",
             "engine::framing::an_http2_stream_that_is_reset_is_never_whole_whatever_the_reason"),
            Cut("fetch/body.rs", "None if self.is_cut_off() => {", "None if self.is_cut_off() && false => {")),
    Defence("9", "HTTP/2 frames without end that bring nothing", "`protocol`, after 4,096 in a row",
            ("engine::floods::http2_frames_that_bring_nothing_are_no_answer",),
            Cut("fetch/flood.rs", "        self.for_nothing <= FRAMES_FOR_NOTHING", "        self.for_nothing <= u32::MAX - FRAMES_FOR_NOTHING")),
    Defence("10", "a kept connection is closed just as it is used again", "sent again at once on a new one, not counted",
            ("engine::resending::a_connection_that_ends_as_it_is_used_again_costs_no_attempt",),
            Cut("engine/exchange.rs", "Unanswered::Failed(error) if self.used && error.kind() == ErrorKind::Reset => {",
                "Unanswered::Failed(error) if self.used && error.kind() == ErrorKind::Disk => {")),
    Defence("11", "a login page with status 200 in place of the file", "caught where there is a checksum",
            ("engine::verifying::a_file_with_a_wrong_checksum_gets_no_name_and_is_asked_for_once",),
            Cut("write/verify.rs", "        (found != expected).then_some((found, expected))", "        (found != expected && false).then_some((found, expected))")),
    Defence("26", "a bomb under `--compressed`", "given up at 64 MiB + 250 × what has come, or at `--max-size`",
            ("engine::codings::a_bomb_is_given_up_and_leaves_nothing",),
            Cut("write/decode.rs", "const FREE: u64 = 64 << 20;", "const FREE: u64 = 64 << 40;")),
    Defence("27", "codings on top of codings", "at most 5",
            ("engine::codings::what_cannot_be_undone_is_no_file_and_is_asked_for_once",
             "plan::coding::tests::what_is_unknown_or_too_much_is_refused"),
            Cut("plan/coding.rs", "const MOST: usize = 5;", "const MOST: usize = 500;")),
    Defence("28", "a `.tar.gz` sent as `Content-Encoding: gzip`", "saved as it was sent",
            ("engine::codings::bytes_are_saved_as_they_were_sent_unless_asked_otherwise",),
            Cut("engine/core.rs", "Codings::AsSent => Vec::new(),", "Codings::AsSent => coding::to_undo(headers)?,")),
    Defence("29", "a coding that is corrupt or cut off", "`decode`, no file",
            ("engine::codings::what_cannot_be_undone_is_no_file_and_is_asked_for_once",),
            Cut("write/content.rs", "            decoder.end()?;", "            let _ = decoder.end();")),
    Defence("30", "redirects in a loop, or without end", "`redirect`, after `--max-redirects`",
            ("engine::redirects::a_loop_ends_after_the_last_redirect_that_is_allowed",),
            Cut("engine/settle.rs", "if item.hops > self.options.max_redirects {", "if item.hops > self.options.max_redirects + 20 {")),
    Defence("31", "a redirect from https to http", "refused, unless `--allow-downgrade`",
            ("fetch::redirect::tests::only_http_is_followed_and_never_back_from_https",
             "engine::redirects::plain_http_is_spoken_only_where_it_is_allowed"),
            Cut("fetch/redirect.rs", '("https", "http")', '("https", "nothing")')),
    Defence("32", "a redirect to `file:`, `ftp:`, `data:`, `javascript:`", "refused",
            ("engine::redirects::a_redirect_to_another_scheme_is_refused",),
            Cut("fetch/redirect.rs", '(_, "http" | "https")', '(_, "http" | "https" | "ftp" | "file" | "data" | "javascript")')),
    Defence("35", "raw bytes in Location", "percent-encoded; line breaks and NUL refused",
            ("engine::redirects::other_bytes_of_a_location_are_percent_encoded",
             "engine::redirects::a_location_that_breaks_its_line_is_not_followed",
             "fetch::redirect::tests::raw_bytes_are_percent_encoded"),
            Cut("fetch/redirect.rs", "percent_encode(location.as_bytes(), RAW).to_string()", "String::from_utf8_lossy(location.as_bytes()).into_owned()")),
    Defence("36", "a redirect suggests another name", "the name is that of the URL as given",
            ("engine::redirects::a_redirect_is_followed_and_the_name_is_that_of_the_url_as_given",),
            why="by construction: the name is given before the first request"),
    Defence("44", "a response stalls", "`timeout`",
            ("engine::repeating::silence_is_a_timeout",),
            Cut("fetch/idle.rs", "            if Instant::now() >= at {", "            if Instant::now() >= at + Duration::from_secs(86400) {")),
    Defence("44", "a body drips", "`timeout`, below `--lowest-speed`",
            ("fetch::idle::tests::a_body_that_drips_too_slowly_fails_after_the_timeout",
             "engine::slowness::a_body_that_drips_is_a_stalled_one_below_the_lowest_speed"),
            Cut("fetch/idle.rs", "if window.bytes < bytes_in(self.lowest_speed, self.timeout) {", "if window.bytes < bytes_in(0, self.timeout) {")),
    Defence("45", "Retry-After: seconds, a date, the past, the absurd", "the whole host waits, or the item fails at once",
            ("engine::patience::retry_after_closes_the_host_and_no_other",
             "plan::retry_after::tests::seconds_dates_the_past_and_the_absurd"),
            Cut("engine/settle.rs", "            schedule.close(host, now + asked);", "            schedule.close(host, now + asked.mul_f64(0.0));")),
    Defence("46", "an outage", "one request at a time with growing pauses, and in the end given up",
            ("engine::patience::an_outage_is_probed_one_request_at_a_time",
             "engine::patience::what_waits_for_a_host_that_stays_in_trouble_fails_without_being_asked_for"),
            Cut("schedule/health.rs", "        self.failures >= PATIENCE.max(per_host)", "        self.failures >= usize::MAX.max(per_host)")),
    Defence("47", "a name that does not exist; a resolver in trouble", "permanent; tried again",
            ("fetch::dns::tests::only_a_resolver_in_trouble_is_worth_asking_again",),
            Cut("fetch/dns.rs", "        LookupErrorKind::Again\n", "        LookupErrorKind::Again | LookupErrorKind::NoName\n")),
    Defence("48", "one dead address among several", "the others are tried (RFC 8305)",
            ("fetch::happy_eyeballs::tests::a_silent_address_does_not_keep_from_a_live_one",
             "fetch::happy_eyeballs::tests::a_dead_address_does_not_keep_from_a_live_one"),
            Cut("fetch/happy_eyeballs.rs", "if more => {}", "if more && false => {}")),
    Defence("49", "a certificate that is expired, of nobody, of another host", "permanent `tls`",
            ("engine::certificates::a_certificate_that_does_not_fit_is_refused_and_it_is_said_why",),
            Cut("fetch/tls.rs", "        Verification::Full => builder.with_root_certificates(roots(&options.roots)?),",
                "        Verification::Full => builder\n            .dangerous()\n            .with_custom_certificate_verifier(Arc::new(Anybody(provider))),")),
    Defence("50", "the clock jumps", "waits are measured on a clock that does not",
            ("fetch::idle::tests::each_wait_has_its_own_time",),
            why="by construction: waits are `Instant`s; the tests run on a clock of their own"),
    Defence("51", "one host is slow or dead", "the others go on; looked for up to 10,240 rows ahead",
            ("engine::patience::a_host_that_is_slow_holds_up_no_other_whatever_the_order_of_the_list",),
            Cut("engine/window.rs", "                state.farther += LOOK_AHEAD / 2;", "                state.farther += 0;")),
    Defence("52", "`..`, absolute, drive and stream names, `%2f`, `%5c`, `%00`", "one plain component",
            ("plan::layout::tests::what_is_not_plain_is_made_so_and_says_so",
             "engine::lists::hostile_urls_become_plain_files_below_the_destination"),
            Cut("plan/component.rs", "        '/' | '\\\\' | '\\0' | '<'", "        '\\0' | '<'")),
    Defence("53", "control, bidi and escape characters", "stripped from names, escaped where they are shown",
            ("plan::layout::tests::what_is_not_plain_is_made_so_and_says_so",),
            Cut("plan/component.rs", ".filter(|&character| !is_invisible(character))", ".filter(|&character| !is_invisible(character) || true)")),
    Defence("53", "the same on a terminal", "escaped",
            ("cli::reports::nothing_from_a_list_or_a_server_moves_the_cursor",),
            Cut("/crates/haul/src/report/escape.rs", '        let _ = write!(out, "\\\\u{{{:x}}}", u32::from(character));', "        let _ = write!(out, \"{character}\");")),
    Defence("54", "CON, NUL, dots and spaces at the end", "made safe on every platform",
            ("plan::layout::tests::what_is_not_plain_is_made_so_and_says_so",),
            Cut("plan/component.rs", "fn is_device(component: &str) -> bool {\n", "fn is_device(component: &str) -> bool {\n    if component.len() < 99 {\n        return false;\n    }\n")),
    Defence("55", "a name of more than 255 bytes", "cut on a character boundary, with a hash and its extension",
            ("plan::layout::tests::a_long_name_is_cut_on_a_character_boundary_and_keeps_its_extension",),
            Cut("plan/component.rs", "MAX_COMPONENT: usize = 255;", "MAX_COMPONENT: usize = 2550;")),
    Defence("56", "two rows of one name; names alike but for case or normalisation", "both kept, under the same names on every run",
            ("plan::registry::tests::names_alike_but_for_case_or_normalisation_are_kept_apart",
             "plan::registry::tests::of_three_rows_with_one_name_the_first_keeps_it"),
            Cut("plan/component.rs", "        folded[start..].make_ascii_lowercase();", "        let _ = start;")),
    Defence("56a", "a row that would be named `.haul`", "made safe as any other",
            ("engine::lists::nothing_is_named_into_the_workspace",),
            Cut("plan/component.rs", "component.eq_ignore_ascii_case(\".haul\") ||", "component.eq_ignore_ascii_case(\".nohaul\") ||")),
    Defence("57", "a link, a folder, a FIFO stands at the target", "never written through",
            ("engine::existing::each_policy_does_what_it_says_whatever_stands_there",),
            Cut("engine/present.rs", "        (Present::File { length, .. }, Existing::Skip) => Verdict::Take(length),\n",
                "        (Present::File { length, .. }, Existing::Skip) => Verdict::Take(length),\n        (Present::Link | Present::Obstacle, _) if true => Verdict::Take(0),\n")),
    Defence("57", "a folder on the way to the target is a link", "not followed",
            ("write::directory::tests::a_folder_that_is_a_link_does_not_lead_out",),
            Cut("write/directory.rs", "OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC", "OFlags::DIRECTORY | OFlags::CLOEXEC")),
    Defence("64", "an executable mode", "no file is made executable",
            ("write::directory::tests::a_file_is_never_executable",),
            Cut("write/directory.rs", "let mode = Mode::from_raw_mode(0o666);", "let mode = Mode::from_raw_mode(0o777);")),
    Defence("65", "a byte-order mark, CRLF, blank lines, comments, no last newline", "read",
            ("source::text::tests::marks_line_ends_blanks_and_comments_are_read_as_people_write_them",),
            Cut("source/lines.rs", "bytes = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);", "bytes = bytes.strip_prefix(b\"x\").unwrap_or(bytes);")),
    Defence("66", "lines that are not UTF-8, or of a megabyte; bad URLs", "that row fails with its line number; the buffer is bounded",
            ("source::text::tests::lines_that_cannot_be_read_stop_no_other",
             "engine::lists::rows_that_cannot_be_read_fail_alone_with_their_line"),
            Cut("source/lines.rs", "        self.bytes.len() > MAX_LINE\n", "        self.bytes.len() > MAX_LINE * 9\n")),
    Defence("67", "a list whose `.gz` or `.zst` breaks off", "what was read is done; then status 2 and a clear word",
            ("source::decompressed::tests::of_data_that_ends_too_early_the_whole_lines_are_rows",
             "cli::lists::a_compressed_list_that_ends_too_early_is_read_so_far_and_ends_with_2"),
            Cut("source/lines.rs", "                    self.error = Some(error);", "                    drop(error);")),
    Defence("68", "the list has changed since the last run", "a row is known by the name that its URL gives, not by its number",
            ("engine::lists::a_list_that_has_changed_finds_its_files_again",
             "engine::lists::where_names_come_from_whole_urls_rows_of_one_name_may_change_places",
             "engine::lists::each_layout_gives_the_same_names_on_every_run"),
            Cut("plan/layout.rs", "    let digest = Sha256::digest(given.as_bytes());",
                "    let digest = Sha256::digest(format!(\"{given}{:?}\", std::time::Instant::now()).as_bytes());")),
    Defence("69", "a list that comes slowly on standard input", "each item starts as it comes",
            ("cli::lists::a_line_on_standard_input_is_fetched_before_the_next_one_comes",
             "source::text::tests::a_row_is_there_with_its_line_and_a_read_error_ends_the_list"),
            Cut("source/lines.rs", "        self.filled.end += read;\n        Ok(read)",
                "        self.filled.end += read;\n        self.filled.end += read_once(&mut self.reader, &mut self.buffer[self.filled.end..])?;\n        Ok(read)")),
)
