// Types of functions with nothing left of them but what a call depends on: for comparing our declarations with others'.
#pragma once

#include <cstddef>
#include <type_traits>

// Of attributes such as "use what this returns", which are no part of a call.
#pragma GCC diagnostic ignored "-Wignored-attributes"

namespace lama::abi {

// A structure that is passed as it is; its members are compared one by one.
template <size_t bytes>
struct Structure {};

template <typename T, bool is_class = std::is_class_v<T>>
struct Plain {
  using type = std::conditional_t<std::is_enum_v<T>, int, std::remove_cv_t<T>>;
};

template <typename T>
struct Plain<T, true> {
  using type = Structure<sizeof(T)>;
};

template <typename T>
using plain = typename Plain<T>::type;

template <typename T>
struct Plain<T *, false> {
  using type = void *;
};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments...), false> {
  using type = plain<Result> (*)(plain<Arguments>...);
};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments...) noexcept, false> : Plain<Result (*)(Arguments...), false> {};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments..., ...), false> {
  using type = plain<Result> (*)(plain<Arguments>..., ...);
};

template <typename Ours, typename Theirs>
constexpr bool same = std::is_same_v<plain<Ours>, plain<Theirs>>;

}  // namespace lama::abi
