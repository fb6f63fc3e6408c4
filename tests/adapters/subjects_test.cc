#include "adapters/messaging/subjects.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weft::messaging {
namespace {

const std::string kSaga = "abcdefghijklmnopqrstuvwx27";
const std::string kToken = "k5sxmnbq2v7jc4hyd3wztagreu";

// Whatever a caller writes, the wire sees only the tokens of the protocol.
const std::vector<std::string> hostile_texts() {
  return {"",
          " ",
          "a b",
          "a.b",
          "*",
          ">",
          "a*",
          "a>",
          "a\r\nPUB",
          "a\nb",
          "a\tb",
          "A",
          "1a",
          "_a",
          "a-b",
          "ü",
          "a..b",
          ".a",
          "a.",
          "$SYS",
          std::string(129, 'a'),
          std::string("a\0b", 3),
          std::string(100000, 'x')};
}

TEST(SubjectsTest, TheSubjectsOfTheProtocol) {
  EXPECT_EQ(task_subject("inventory", "reserve")->text(), "weft.task.inventory.reserve");
  EXPECT_EQ(dryrun_subject("erp_cloud", "create_order")->text(),
            "weft.dryrun.erp_cloud.create_order");
  EXPECT_EQ(start_subject("retail.order_fulfilment")->text(), "weft.start.retail.order_fulfilment");
  EXPECT_EQ(cancel_subject("a")->text(), "weft.cancel.a");
  EXPECT_EQ(query_subject("a.b.c")->text(), "weft.query.a.b.c");
  EXPECT_EQ(complete_subject(kToken)->text(), "weft.complete." + kToken);
  EXPECT_EQ(fail_subject(kToken)->text(), "weft.fail." + kToken);
  EXPECT_EQ(heartbeat_subject(kToken)->text(), "weft.heartbeat." + kToken);
  EXPECT_EQ(signal_subject(kSaga, "approve")->text(), "weft.signal." + kSaga + ".approve");
  EXPECT_EQ(event_subject("order.cancel_requested")->text(), "weft.event.order.cancel_requested");
  EXPECT_EQ(out_subject("order.shipped")->text(), "weft.out.order.shipped");
  EXPECT_EQ(changed_subject("StepSucceeded", "retail.returns")->text(),
            "weft.changed.StepSucceeded.retail.returns");
  EXPECT_EQ(inbox_subject("_INBOX.weft", kSaga, kToken)->text(),
            "_INBOX.weft." + kSaga + "." + kToken);
  EXPECT_EQ(inbox_pattern("_INBOX.weft", kSaga)->text(), "_INBOX.weft." + kSaga + ".*");
}

TEST(SubjectsTest, NoCallersCharacterReachesTheWire) {
  for (const std::string& text : hostile_texts()) {
    if (text != "a.b") {  // a dotted name is one where names may be dotted
      EXPECT_FALSE(start_subject(text)) << text;
      EXPECT_FALSE(event_subject(text)) << text;
      EXPECT_FALSE(out_subject(text)) << text;
      EXPECT_FALSE(signal_subject(kSaga, text)) << text;
      EXPECT_FALSE(changed_subject("SagaStarted", text)) << text;
    }
    EXPECT_FALSE(task_subject(text, "reserve")) << text;
    EXPECT_FALSE(task_subject("inventory", text)) << text;
    EXPECT_FALSE(dryrun_subject(text, text)) << text;
    EXPECT_FALSE(complete_subject(text)) << text;
    EXPECT_FALSE(inbox_subject("_INBOX.weft", text, kToken)) << text;
    EXPECT_FALSE(inbox_subject("_INBOX.weft", kSaga, text)) << text;
    EXPECT_FALSE(signal_subject(text, "approve")) << text;
    EXPECT_FALSE(task_pattern(text)) << text;
    if (text != "A") {
      EXPECT_FALSE(changed_subject(text, "retail.returns")) << text;
    }
  }
}

TEST(SubjectsTest, AnOperationsOwnSubjectStaysOutOfOurTrees) {
  EXPECT_EQ(custom_subject("erp.orders.create")->text(), "erp.orders.create");
  EXPECT_TRUE(custom_subject("ERP.Orders-v2.create"));
  EXPECT_TRUE(custom_subject("weftovers.x"));
  for (const char* text : {"weft.complete.x", "weft", "$JS.API.STREAM.DELETE.x", "_INBOX.a", "a.*",
                           "a.>", "a b", "a..b", "", "a.\n"}) {
    EXPECT_FALSE(custom_subject(text)) << text;
  }
}

// A sender chooses the reply subject: it must not make us speak for it.
TEST(SubjectsTest, RepliesGoNeitherToUsNorToTheBroker) {
  EXPECT_TRUE(reply_subject("_INBOX.abc.1"));
  EXPECT_TRUE(reply_subject("_R_.x.y"));
  for (const char* text :
       {"", "weft.complete.k5sxmnbq2v7jc4hyd3wztagreu", "$SYS.REQ.x", "$JS.ACK.x", "a.>", "a b"}) {
    EXPECT_FALSE(reply_subject(text)) << text;
  }
  EXPECT_TRUE(acknowledgement_subject("$JS.ACK.orders.weft.1.2.3.4.5"));
  EXPECT_FALSE(acknowledgement_subject("$JS.API.STREAM.DELETE.orders"));
}

TEST(SubjectsTest, StreamNamesCannotAddTokens) {
  EXPECT_EQ(jetstream_subject("CONSUMER.MSG.NEXT", {"ORDERS", "weft-1"})->text(),
            "$JS.API.CONSUMER.MSG.NEXT.ORDERS.weft-1");
  for (const char* name : {"", "a.b", "a b", "*", ">", "a/b", "a\\b", "a\r\n"}) {
    EXPECT_FALSE(jetstream_subject("STREAM.INFO", {name})) << name;
  }
}

TEST(SubjectsTest, WhatWeMakeWeCanRead) {
  const auto read = [](const SubjectResult& subject) {
    return *parse_intake_subject(subject->text());
  };
  EXPECT_EQ(read(start_subject("retail.returns")).kind, IntakeSubject::Kind::kStart);
  EXPECT_EQ(read(start_subject("retail.returns")).name, "retail.returns");
  EXPECT_EQ(read(cancel_subject("retail.returns")).kind, IntakeSubject::Kind::kCancel);
  EXPECT_EQ(read(query_subject("retail.returns")).kind, IntakeSubject::Kind::kQuery);
  EXPECT_EQ(read(complete_subject(kToken)).kind, IntakeSubject::Kind::kComplete);
  EXPECT_EQ(read(complete_subject(kToken)).token, kToken);
  EXPECT_EQ(read(fail_subject(kToken)).kind, IntakeSubject::Kind::kFail);
  EXPECT_EQ(read(heartbeat_subject(kToken)).kind, IntakeSubject::Kind::kHeartbeat);
  const IntakeSubject signal = read(signal_subject(kSaga, "customer.approved"));
  EXPECT_EQ(signal.kind, IntakeSubject::Kind::kSignal);
  EXPECT_EQ(signal.saga, kSaga);
  EXPECT_EQ(signal.name, "customer.approved");
  EXPECT_EQ(read(event_subject("payment.confirmed")).name, "payment.confirmed");
}

// The broker's wildcards let through more than the protocol knows.
TEST(SubjectsTest, StrangeIntakeSubjectsAreRefused) {
  for (const std::string& text :
       {std::string("weft.start"), std::string("weft.start."), std::string("weft.start.Upper"),
        std::string("weft.start.a b"), std::string("weft.task.inventory.reserve"),
        "weft.signal." + kSaga, std::string("weft.signal.short.name"),
        "weft.complete." + kToken + ".x", std::string("weft.complete.x"),
        std::string("weft.changed.SagaStarted.a"), std::string("other"), std::string()}) {
    EXPECT_FALSE(parse_intake_subject(text)) << text;
  }
}

TEST(SubjectsTest, IntakePatternsCatchWhatTheProtocolAsks) {
  const std::vector<SubjectPattern> patterns = intake_patterns();
  const auto caught = [&](const SubjectResult& subject) {
    int times = 0;
    for (const SubjectPattern& pattern : patterns)
      times += pattern.matches(subject->text()) ? 1 : 0;
    return times;
  };
  EXPECT_EQ(caught(start_subject("a.b")), 1);
  EXPECT_EQ(caught(complete_subject(kToken)), 1);
  EXPECT_EQ(caught(signal_subject(kSaga, "x.y")), 1);
  EXPECT_EQ(caught(event_subject("x")), 1);
  EXPECT_EQ(caught(task_subject("a", "b")), 0);
  EXPECT_EQ(caught(out_subject("x")), 0);
  EXPECT_EQ(request_trees().size(), patterns.size() + 2);
}

TEST(SubjectsTest, TokensAndOperationsAreReadFromTheEnd) {
  EXPECT_EQ(inbox_token("_INBOX.weft.store." + kToken), kToken);
  EXPECT_EQ(inbox_token("_INBOX.weft.store.x y"), "");
  EXPECT_EQ(inbox_token("nothing"), "");
  EXPECT_EQ(operation_of("weft.task.inventory.reserve"), "reserve");
  EXPECT_EQ(operation_of("weft.task.inventory.Reserve"), "");
}

}  // namespace
}  // namespace weft::messaging
