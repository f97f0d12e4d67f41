// Preloaded: notes names that a process looks up and internet addresses that it connects to in the file $LOOKUPS, and
// answers neither.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

static void note(const char* what, const char* name) {
  const char* path = getenv("LOOKUPS");
  FILE* file = path ? fopen(path, "a") : NULL;
  if (file) {
    fprintf(file, "%s %s\n", what, name ? name : "");
    fclose(file);
  }
}

int getaddrinfo(const char* name, const char* service, const struct addrinfo* hints, struct addrinfo** found) {
  (void)service, (void)hints, (void)found;
  note("looked up", name);
  return EAI_FAIL;
}

struct hostent* gethostbyname(const char* name) {
  note("looked up", name);
  return NULL;
}

int connect(int descriptor, const struct sockaddr* address, socklen_t length) {
  if (address->sa_family == AF_INET || address->sa_family == AF_INET6) {
    note("connected to", "an address");
    errno = ENETUNREACH;
    return -1;
  }
  int (*real)(int, const struct sockaddr*, socklen_t) = dlsym(RTLD_NEXT, "connect");
  return real(descriptor, address, length);
}
