#include "dsl/saga_graph.h"

#include <charconv>

#include "dsl/names.h"

namespace weft::dsl {

const char* step_kind_name(StepKind kind) {
  switch (kind) {
    case StepKind::kCall:
      return "call";
    case StepKind::kSet:
      return "set";
    case StepKind::kDo:
      return "do";
    case StepKind::kChoice:
      return "choice";
    case StepKind::kParallel:
      return "parallel";
    case StepKind::kForeach:
      return "foreach";
    case StepKind::kRepeat:
      return "repeat";
    case StepKind::kListen:
      return "listen";
    case StepKind::kWait:
      return "wait";
    case StepKind::kEmit:
      return "emit";
    case StepKind::kSaga:
      return "saga";
    case StepKind::kRaise:
      return "raise";
    case StepKind::kFinish:
      return "finish";
  }
  return "";
}

const char* guarantee_name(Guarantee guarantee) {
  switch (guarantee) {
    case Guarantee::kFenced:
      return "fenced";
    case Guarantee::kIdempotent:
      return "idempotent";
    case Guarantee::kQueryable:
      return "queryable";
    case Guarantee::kUnsafe:
      return "unsafe";
  }
  return "";
}

const OperationDefinition* AdapterDefinition::find_operation(std::string_view operation) const {
  for (const OperationDefinition& candidate : operations) {
    if (candidate.name == operation) return &candidate;
  }
  return nullptr;
}

const Step* SagaGraph::find_step(std::string_view name) const {
  const auto found = step_by_name.find(std::string(name));
  return found == step_by_name.end() ? nullptr : &steps[found->second];
}

const ErrorDeclaration* SagaGraph::find_error(std::string_view adapter_name,
                                              std::string_view code) const {
  const std::string name(code);
  if (const auto own = errors.find(name); own != errors.end()) return &own->second;
  const AdapterDefinition& definition = adapter(adapter_name);
  if (const auto found = definition.errors.find(name); found != definition.errors.end()) {
    return &found->second;
  }
  for (const std::string& target : definition.route_targets) {
    const AdapterDefinition& routed = adapter(target);
    if (const auto found = routed.errors.find(name); found != routed.errors.end()) {
      return &found->second;
    }
  }
  return nullptr;
}

const ResourceDefinition* SagaGraph::find_resource(std::string_view name) const {
  for (const ResourceDefinition& resource : resources) {
    if (resource.name == name) return &resource;
  }
  return nullptr;
}

const AdapterDefinition& SagaGraph::adapter(std::string_view name) const {
  static const AdapterDefinition kDefaults;
  const auto found = adapters.find(std::string(name));
  return found == adapters.end() ? kDefaults : found->second;
}

int major_version(std::string_view version) {
  if (!is_version(version)) return 0;
  int major = 0;
  std::from_chars(version.data(), version.data() + version.find('.'), major);
  return major;
}

}  // namespace weft::dsl
