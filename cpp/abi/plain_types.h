// Types of functions with nothing left of them but what a call depends on: for comparing our declarations with others'.
#pragma once

#include <type_traits>

namespace lama::abi {

template <typename T>
struct Plain {
  using type = std::conditional_t<std::is_enum_v<T>, int, std::remove_cv_t<T>>;
};

template <typename T>
using plain = typename Plain<T>::type;

template <typename T>
struct Plain<T *> {
  using type = void *;
};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments...)> {
  using type = plain<Result> (*)(plain<Arguments>...);
};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments...) noexcept> : Plain<Result (*)(Arguments...)> {};

template <typename Result, typename... Arguments>
struct Plain<Result (*)(Arguments..., ...)> {
  using type = plain<Result> (*)(plain<Arguments>..., ...);
};

template <typename Ours, typename Theirs>
constexpr bool same = std::is_same_v<plain<Ours>, plain<Theirs>>;

}  // namespace lama::abi
