#pragma once  // orchestrator/core/codec_traits.h

#include <concepts>
#include <map>
#include <optional>
#include <set>
#include <type_traits>
#include <vector>

#include "orchestrator/core/ids.h"

// How the codec and the JSON view tell stored types apart. A structure names its members either in
// a member template `fields(A&)` (events, effects) or in a free `state_fields(A&, T&)` (state).
namespace weft::core::codec {

/// Stands for any archive where a concept asks whether a type has fields.
struct AnyArchive {
  template <class T>
  void operator()(const char*, T&) {}
  template <class T>
  void document(const char*, T&) {}
};

template <class T>
concept HasFields = requires(T& value, AnyArchive& archive) { value.fields(archive); };

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
struct IsSet : std::false_type {};
template <class T>
struct IsSet<std::set<T>> : std::true_type {};

template <class T>
struct IsMap : std::false_type {};
template <class K, class V>
struct IsMap<std::map<K, V>> : std::true_type {};

template <class T>
struct IsName : std::false_type {};
template <class Tag>
struct IsName<Name<Tag>> : std::true_type {};

}  // namespace weft::core::codec
