//! The page around the drawings.

use alloc::string::String;
use core::fmt::{self, Write};

use super::figure::Figure;
use super::objects::{Known, Object, objects};
use super::text::{Escaped, label};
use super::{Labels, Picture, Told};
use crate::{Model, Verdict};

/// Objects that are drawn. The others are counted.
const OBJECTS: usize = 12;

const STYLE: &str = "\
:root{color-scheme:light dark;--ink:#1c2330;--paper:#fff;--faint:#d5dae3;--bar:#dbe4f3;--line:#7f8ea8;\
--bad:#ffd0c2;--badline:#c22d00;--maybe:#fff3c9;--maybeline:#a07a00;--order:#0b63c5}\
@media(prefers-color-scheme:dark){:root{--ink:#e4e8ef;--paper:#14181f;--faint:#333b48;--bar:#2b384e;\
--line:#8796b0;--bad:#5c2314;--badline:#ff8a66;--maybe:#473a10;--maybeline:#e0b63e;--order:#6db1ff}}\
body{margin:1.5rem;background:var(--paper);color:var(--ink);font:14px/1.5 system-ui,sans-serif}\
h1{font-size:1.3rem;overflow-wrap:anywhere}h2{font-size:1.05rem;margin-top:2rem;overflow-wrap:anywhere}\
.verdict{font-weight:600}.figure{display:flex}.scroll{overflow-x:auto;flex:1}\
svg{flex:none;font:11px ui-monospace,monospace}svg text{fill:var(--ink)}.names text{text-anchor:end}\
.lane,path.tick{stroke:var(--faint)}text.tick,.cut text,text.order{text-anchor:middle}\
.cut rect{fill:var(--faint);opacity:.45}.body{fill:var(--bar);stroke:var(--line)}\
.failed .body{fill:url(#hatch)}.kept .body{fill:var(--bad);stroke:var(--badline);stroke-width:1.5}\
.blocked .body{fill:var(--bad);stroke:var(--badline);stroke-width:2.5}\
.perhaps .body{fill:var(--maybe);stroke:var(--maybeline);stroke-dasharray:4 2}\
.cross{stroke:var(--badline);stroke-width:2.5;fill:none}\
.bar:hover .body,.bar:focus .body,.over .body{stroke:var(--ink);stroke-width:2.5}\
polyline.order{fill:none;stroke:var(--order);stroke-width:1.2;stroke-dasharray:2 3}\
circle.order{fill:var(--order)}svg text.order{fill:var(--paper);font-size:9px}\
table{border-collapse:collapse}td,th{padding:.1rem .6rem;text-align:left;border-bottom:1px solid var(--faint)}\
tr.kept,tr.blocked{background:var(--bad)}.key span{margin-right:1.2rem}";

/// Shows what overlaps an operation that is pointed at.
const SCRIPT: &str = "\
document.querySelectorAll('svg').forEach(s=>{const b=[...s.querySelectorAll('g.bar')];\
const t=(g,k)=>+g.dataset[k];b.forEach(g=>{const m=on=>b.forEach(o=>o!==g&&o.classList.toggle('over',\
on&&t(o,'from')<=t(g,'to')&&t(g,'from')<=t(o,'to')));\
['mouseenter','focus'].forEach(e=>g.addEventListener(e,()=>m(true)));\
['mouseleave','blur'].forEach(e=>g.addEventListener(e,()=>m(false)))})})";

pub(super) fn write<M: Model>(
    picture: &Picture<'_, M>,
    labels: &impl Labels<M>,
    out: &mut impl Write,
) -> fmt::Result {
    let title = Escaped(picture.title);
    write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    )?;
    let objects = objects(picture);
    write_verdict(picture, labels, objects.len(), out)?;
    out.write_str(
        "<svg width=\"0\" height=\"0\" aria-hidden=\"true\"><defs><pattern id=\"hatch\" width=\"6\" height=\"6\" \
         patternUnits=\"userSpaceOnUse\"><path d=\"M0 6L6 0\" stroke=\"gray\"/></pattern></defs></svg>\n",
    )?;
    for object in objects.iter().take(OBJECTS) {
        write_object(picture, labels, object, out)?;
    }
    let others = objects.len().saturating_sub(OBJECTS);
    if others > 0 {
        writeln!(out, "<p>{others} more objects are not drawn.</p>")?;
    }
    write!(out, "<script>{SCRIPT}</script>\n</body>\n</html>\n")
}

fn write_verdict<M: Model>(
    picture: &Picture<'_, M>,
    labels: &impl Labels<M>,
    objects: usize,
    out: &mut impl Write,
) -> fmt::Result {
    let operations = picture.history.len();
    out.write_str("<p class=\"verdict\">")?;
    match picture.told {
        Told::Verdict(Verdict::Holds(_)) => out.write_str(
            "The history is linearizable: the numbers are an order that explains every answer.",
        )?,
        Told::Verdict(Verdict::Violated(violation)) => {
            let key = label(|to| labels.object(&violation.key, to));
            write!(
                out,
                "The history is not linearizable: {} operations on {} contradict each other. The numbers are \
                 an order of as many of them as can be placed, {}; what has a cross can not come next.",
                violation.core.kept.len(),
                Escaped(&key),
                violation.prefix.len()
            )?;
        }
        Told::Verdict(Verdict::Unknown(reason)) => write_reason(reason, out)?,
        Told::Undecided(reason) => write_reason(reason, out)?,
    }
    writeln!(
        out,
        "</p>\n<p>{operations} operations, {objects} objects.</p>"
    )
}

fn write_reason(reason: &dyn fmt::Display, out: &mut impl Write) -> fmt::Result {
    let mut text = String::new();
    // A string takes everything.
    let _ = write!(text, "{reason}");
    write!(
        out,
        "It is not known whether the history is linearizable: {}.",
        Escaped(&text)
    )
}

fn write_object<M: Model>(
    picture: &Picture<'_, M>,
    labels: &impl Labels<M>,
    object: &Object<'_, M>,
    out: &mut impl Write,
) -> fmt::Result {
    let key = label(|to| labels.object(&object.key, to));
    let bars = object.bars(picture, labels);
    let verdict = match object.known {
        Known::Violated(_) => "not linearizable",
        Known::Ordered(_) => "linearizable",
        Known::Nothing => "not decided",
    };
    writeln!(out, "<h2>{}: {verdict}</h2>", Escaped(&key))?;
    let left_out = bars.left_out.len();
    if left_out > 0 {
        writeln!(
            out,
            "<p>{} of {} operations are drawn; {left_out} are left out.</p>",
            bars.bars.len(),
            object.operations.len()
        )?;
    }
    let calls = bars.bars.iter().map(|bar| bar.call);
    let origin = calls.min().unwrap_or(0);
    let figure = Figure::new(&bars, origin, picture.times);
    figure.write(out)?;
    figure.write_table(out)
}
