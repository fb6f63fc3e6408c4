#include "tests/simulation/workflow_generator.h"

#include <array>
#include <utility>

namespace weft::simulation {
namespace {

using sim::Chance;

/// Writes YAML as an author would; every list of steps is indented by two more.
class Author {
 public:
  Author(Chance chance, std::string child, int size)
      : chance_(chance), child_(std::move(child)), left_(size) {}

  void workflow(Generated& out) {
    const bool is_child = out.name.ends_with("child");
    std::string& text = out.yaml;
    text = "weft: 1\nworkflow: " + out.name + "\nversion: " + out.version +
           "\nowner: simulation@shop.example\nkey: ${ .id }\n";
    if (!is_child && one_in(3)) {
      out.ordered = true;
      static constexpr std::array<const char*, 4> kOrders = {"fifo", "fifo", "supersede", "reject"};
      text += "ordering_key: ${ .who }\nordering: " + std::string(chance_.pick(kOrders)) + "\n";
    }
    if (one_in(4)) text += "deadline: " + std::to_string(20 + below(400)) + "m\n";
    if (!is_child && one_in(4)) {
      text += "cancelled_by: {event: gen.stop, correlate: {event: '${ $event.id }', equals: '${ .id }'}}\n";
    }
    const std::size_t statuses_at = text.size();
    text += "errors:\n  boom: {class: business}\n"
            "  no_answer: {class: business}\n  refused: {class: business}\n"
            "  maybe: {class: business, effect: perhaps}\n"
            "resources: {stock: {by: [sku]}}\nsteps:\n";
    const bool pivot = !is_child && one_in(2);
    int top = 1 + below(5);
    if (pivot && one_in(6)) top = 0;
    for (int i = 0; i < top; ++i) text += step(1, 0);
    if (pivot) {
      text += pivot_step();
      past_pivot_ = true;
      for (int i = below(3); i > 0; --i) text += step(1, 0);
    }
    if (one_in(3)) text += "output: ${ {id} }\n";
    if (one_in(3)) text += "on_compensated: {status: done, emit: gen.undone}\n";
    if (one_in(4)) text += "on_completed: {status: done}\n";
    // Declared are exactly those that something sets.
    const bool held = text.find("status: held-up") != std::string::npos;
    const bool done = text.find("status: done") != std::string::npos;
    text.insert(statuses_at, std::string("statuses: [open") + (held ? ", held-up" : "") + (done ? ", done" : "") + "]\n");
    out.listens = listens_;
    if (uses_child_) out.child = child_;
  }

 private:
  int below(int n) { return static_cast<int>(chance_.below(static_cast<std::uint64_t>(n))); }
  bool one_in(int n) { return below(n) == 0; }
  static std::string pad(int depth) { return std::string(static_cast<std::size_t>(depth) * 2, ' '); }
  std::string name(const char* prefix) { return prefix + std::to_string(++named_); }

  std::string list(int depth, int nesting, int most) {
    std::string text;
    for (int i = 1 + below(most); i > 0; --i) text += step(depth, nesting);
    return text;
  }

  std::string step(int depth, int nesting) {
    --left_;
    if (nesting >= 3 || left_ <= 0) return call(depth);
    switch (below(past_pivot_ ? 9 : 16)) {
      case 0: return set(depth);
      case 1: return wait(depth);
      case 2: return emit(depth);
      case 3: return block(depth, nesting);
      case 8: return past_pivot_ ? listen(depth) : parallel(depth, nesting);
      case 9: return foreach_item(depth, nesting);
      case 10: return repeat(depth, nesting);
      case 11: return listen(depth);
      case 12: return choice(depth, nesting);
      case 13: return child_ == "" || nesting > 1 ? call(depth) : child(depth);
      case 14: return race(depth, nesting);
      default: return call(depth);
    }
  }

  std::string when() {
    return one_in(8) ? "when: ${ .n > " + std::to_string(below(10)) + " }\n" : std::string();
  }
  std::string head(int depth, const std::string& step_name) {
    std::string text = pad(depth) + "- step: " + step_name + "\n";
    if (const std::string condition = when(); !condition.empty()) text += pad(depth + 1) + condition;
    return text;
  }

  std::string retry(bool for_undo) {
    static constexpr std::array<const char*, 3> kJitter = {"none", "full", "20%"};
    const int most = for_undo ? 2 + below(8) : 1 + below(6);
    return "retry: {errors: [transient, unknown], max_attempts: " + std::to_string(most) +
           ", delay: " + std::to_string(50 + below(1000)) + "ms, backoff: 2, max_delay: " +
           std::to_string(2 + below(60)) + "s, jitter: " + chance_.pick(kJitter) + "}";
  }

  std::string call(int depth) {
    static constexpr std::array<const char*, 7> kAdapters = {"fen", "fen", "fen", "ide", "ide", "que", "uns"};
    const std::string adapter = chance_.pick(kAdapters);
    std::string text = head(depth, name("s"));
    const std::string in = pad(depth + 1);
    const bool takes = adapter == "fen" && !past_pivot_ && one_in(3);
    const bool works = !takes && adapter != "uns" && one_in(5);
    const std::string operation = takes ? "take" : works ? "work" : past_pivot_ ? "push" : "act";
    text += in + "call: " + adapter + "." + operation + "\n";
    if (takes) {
      text += in + "with: {lines: '${ .items }'}\n";
    } else if (one_in(2)) {
      text += in + "with: {id: '${ .id }', n: '${ .n }'}\n";
    }
    text += in + "timeout: " + std::to_string(200 + below(8000)) + "ms\n";
    const bool repeatable = adapter != "uns";
    if (repeatable && !one_in(4)) text += in + (past_pivot_ ? patient() : retry(false)) + "\n";
    if (takes) text += in + "holds: {stock: '${ $with.lines }'}\n";
    if (works) text += in + "completes: {within: " + std::to_string(1 + below(10)) + "m}\n";
    if (!past_pivot_ && one_in(6)) text += in + "schedule_timeout: " + std::to_string(1 + below(120)) + "s\n";
    if (one_in(8)) text += in + "on_wait: {after: 2s, status: held-up}\n";
    if (adapter != "uns" ? one_in(adapter == "que" ? 1 : 5) : one_in(2)) {
      text += in + "probe: {call: " + adapter + ".find, " + retry(false) + "}\n";
    }
    if (past_pivot_) {
      if (works) text += in + "on_error: [{errors: [refused], result: '${ {} }', then: continue}]\n";
      return text;
    }
    if (takes) {
      text += in + "compensate: {call: fen.untake, with: {lines: '${ $held.stock }'}, " + retry(true) + "}\n";
    } else if (one_in(8)) {
      text += in + "compensate: none\n";
    } else if (one_in(20)) {
      text += in + "compensate: manual\n";
    } else {
      text += in + "compensate: {call: " + adapter + ".undo" +
              (repeatable && one_in(2) ? ", " + retry(true) : std::string()) +
              (one_in(8) ? ", on_failure: continue" : "") + "}\n";
    }
    if (one_in(5)) text += on_error(depth + 1);
    return text;
  }

  std::string patient() {
    return "retry: {errors: [transient, unknown], delay: " + std::to_string(100 + below(1000)) +
           "ms, backoff: 2, max_delay: 1m, jitter: full}";
  }

  std::string on_error(int depth) {
    static constexpr std::array<const char*, 5> kErrors = {"refused", "any", "unknown", "transient", "timeout"};
    static constexpr std::array<const char*, 4> kThen = {"continue", "continue", "compensate", "stuck"};
    std::string text = pad(depth) + "on_error:\n" + pad(depth + 1) + "- errors: [" + chance_.pick(kErrors) + "]\n";
    if (left_ > 2 && one_in(2)) text += pad(depth + 2) + "do:\n" + list(depth + 3, 3, 1);
    const std::string then = one_in(12) ? "stuck" : kThen[chance_.below(3)];
    if (then == "continue") text += pad(depth + 2) + "result: '${ {} }'\n";
    return text + pad(depth + 2) + "then: " + then + "\n";
  }

  std::string pivot_step() {
    static constexpr std::array<const char*, 4> kAdapters = {"fen", "fen", "ide", "que"};
    const std::string adapter = chance_.pick(kAdapters);
    std::string text = pad(1) + "- step: pivot\n" + pad(2) + "pivot: true\n" + pad(2) + "call: " + adapter + ".act\n";
    text += pad(2) + "timeout: " + std::to_string(500 + below(8000)) + "ms\n" + pad(2) + retry(false) + "\n";
    if (adapter == "que" || one_in(2)) text += pad(2) + "probe: {call: " + adapter + ".find, " + retry(false) + "}\n";
    if (one_in(3)) text += pad(2) + "consumes: {stock: all}\n";
    if (one_in(3)) text += pad(2) + "on_success: {emit: gen.passed}\n";
    return text;
  }

  std::string set(int depth) {
    return head(depth, name("v")) + pad(depth + 1) + "set: {twice: '${ .n * 2 }', who: '${ .who }'}\n";
  }
  std::string wait(int depth) {
    static constexpr std::array<const char*, 6> kTimes = {"50ms", "300ms", "2s", "20s", "90s", "5m"};
    return head(depth, name("t")) + pad(depth + 1) + "wait: " + chance_.pick(kTimes) + "\n";
  }
  std::string emit(int depth) {
    return head(depth, name("e")) + pad(depth + 1) + "emit: gen.told\n" + pad(depth + 1) +
           "with: {id: '${ .id }'}\n";
  }
  std::string block(int depth, int nesting) {
    std::string text = head(depth, name("b")) + pad(depth + 1) + "do:\n" + list(depth + 2, nesting + 1, 3);
    if (!past_pivot_ && one_in(2)) text += on_error(depth + 1);
    return text;
  }
  std::string parallel(int depth, int nesting) {
    std::string text = head(depth, name("p")) + pad(depth + 1) + "parallel:\n";
    for (int i = 2 + below(2); i > 0; --i) {
      text += pad(depth + 2) + name("lane") + ":\n" + list(depth + 3, nesting + 1, 2);
    }
    if (one_in(3)) text += on_error(depth + 1);
    return text;
  }
  std::string race(int depth, int nesting) {
    std::string text = head(depth, name("r")) + pad(depth + 1) + "race: true\n" + pad(depth + 1) + "parallel:\n";
    for (int i = 2; i > 0; --i) {
      text += pad(depth + 2) + name("lane") + ":\n" + call(depth + 3) +
              (one_in(3) ? list(depth + 3, nesting + 1, 1) : std::string());
    }
    return text;
  }
  std::string foreach_item(int depth, int nesting) {
    std::string text = head(depth, name("f")) + pad(depth + 1) + "foreach: ${ .items }\n";
    if (one_in(2)) text += pad(depth + 1) + "at_once: " + std::to_string(1 + below(3)) + "\n";
    if (one_in(3)) text += pad(depth + 1) + "tolerate: " + (one_in(2) ? "[refused]" : "1") + "\n";
    return text + pad(depth + 1) + "do:\n" + list(depth + 2, nesting + 1, 2);
  }
  std::string repeat(int depth, int nesting) {
    return head(depth, name("l")) + pad(depth + 1) + "repeat:\n" + pad(depth + 2) + "do:\n" +
           list(depth + 3, nesting + 1, 2) + pad(depth + 2) + "until: ${ $index >= " +
           std::to_string(below(3)) + " }\n" + pad(depth + 2) + "at_most: " + std::to_string(1 + below(3)) +
           "\n" + pad(depth + 2) + "every: " + std::to_string(100 + below(3000)) + "ms\n" + pad(depth + 1) +
           "on_timeout: " + (one_in(2) ? "continue" : "{raise: boom}") + "\n";
  }
  std::string listen(int depth) {
    listens_ = true;
    std::string text = head(depth, name("w")) + pad(depth + 1) + "listen: gen.ping\n";
    if (!one_in(4)) {
      text += pad(depth + 1) + "correlate: {event: '${ $event.id }', equals: '${ .id }'}\n";
      if (one_in(2)) text += pad(depth + 1) + "keep: 10m\n";
    }
    return text + pad(depth + 1) + "timeout: " + std::to_string(5 + below(600)) + "s\n" + pad(depth + 1) +
           "on_timeout: " + (one_in(2) ? "continue" : "{raise: no_answer}") + "\n";
  }
  std::string choice(int depth, int nesting) {
    std::string text = head(depth, name("c")) + pad(depth + 1) + "choice:\n";
    text += pad(depth + 2) + "- when: ${ .n > " + std::to_string(below(10)) + " }\n" + pad(depth + 3) + "do:\n" +
            list(depth + 4, nesting + 1, 2);
    if (one_in(3)) return text + pad(depth + 2) + "- otherwise: {raise: boom}\n";
    return text + pad(depth + 2) + "- otherwise:\n" + pad(depth + 4) + "do:\n" + list(depth + 5, nesting + 1, 1);
  }
  std::string child(int depth) {
    uses_child_ = true;
    const std::string step_name = name("k");
    std::string text = head(depth, step_name) + pad(depth + 1) + "saga: " + child_ + "@1\n" + pad(depth + 1) +
                       "with: {id: '${ .id }', who: '${ .who }', n: '${ .n }', items: '${ .items }'}\n";
    if (one_in(5)) text += pad(depth + 1) + "detach: true\n";
    return text;
  }

  Chance chance_;
  std::string child_;
  int left_, named_ = 0;
  bool past_pivot_ = false, listens_ = false, uses_child_ = false;
};

std::string adapter_yaml(const char* name, const char* guarantee, int concurrency) {
  return std::string("weft: 1\nadapter: ") + name + "\nowner: simulation@shop.example\nguarantee: " + guarantee +
         (std::string(guarantee) == "unsafe" ? "" : "\nidempotency_window: 30d") +
         "\nconcurrency: " + std::to_string(concurrency) +
         "\nbreaker: {open_at: 80%, of_last: 20, cool_down: 2s}\n"
         "operations:\n"
         "  act: {timeout: 5s}\n"
         "  push: {timeout: 5s, errors: []}\n"
         "  take: {timeout: 5s}\n"
         "  work: {timeout: 5s}\n"
         "  undo: {timeout: 5s}\n"
         "  untake: {timeout: 5s}\n"
         "  find: {timeout: 5s}\n"
         "errors:\n  closed_now: {class: transient}\n";
}

}  // namespace

std::vector<dsl::SourceFile> generated_adapters() {
  return {{"fen.yaml", adapter_yaml("fen", "fenced", 16)},
          {"ide.yaml", adapter_yaml("ide", "idempotent", 8)},
          {"que.yaml", adapter_yaml("que", "queryable", 8)},
          {"uns.yaml", adapter_yaml("uns", "unsafe", 4)}};
}

Generated generate_workflow(Chance chance, const std::string& name, const std::string& version, int size,
                            const std::string& child) {
  Generated out;
  out.name = name;
  out.version = version;
  Author(chance, child, size).workflow(out);
  return out;
}

}  // namespace weft::simulation
