/* Fills a picture of bare bytes, in C99: raw BUNDLE WIDTH HEIGHT < rgb-and-mask > rgb
 *
 * Standard input: WIDTH x HEIGHT x 3 bytes of the picture, then WIDTH x HEIGHT of the mask, nonzero = hole. */
#include <lama/inpainter.h>
#include <stdio.h>
#include <stdlib.h>

static void tell(void *user, lama_log_level level, const char *line) {
  (void)user;
  fprintf(stderr, "%s: %s\n", level == LAMA_LOG_WARNING ? "warning" : "note", line);
}

int main(int count, char **words) {
  if (count != 4) {
    fprintf(stderr, "usage: raw BUNDLE WIDTH HEIGHT < rgb-and-mask > rgb\n");
    return 2;
  }
  const int64_t width = atoll(words[2]), height = atoll(words[3]), pixels = width * height;
  if (width < 1 || height < 1 || width > LAMA_MOST_SIDE || height > LAMA_MOST_SIDE) {
    fprintf(stderr, "error: width and height are from 1 to %d\n", LAMA_MOST_SIDE);
    return 2;
  }
  uint8_t *bytes = malloc((size_t)pixels * 4);
  if (bytes == NULL || fread(bytes, 4, (size_t)pixels, stdin) != (size_t)pixels) {
    fprintf(stderr, "error: standard input has fewer bytes than %lld x 4\n", (long long)pixels);
    free(bytes);
    return 2;
  }
  const lama_image image = {bytes, width, height, width * 3, LAMA_RGB};
  const lama_image mask = {bytes + pixels * 3, width, height, width, LAMA_GREY};

  lama_options options;
  lama_options_init(&options, sizeof options);
  options.log = tell;
  lama_inpainter *inpainter = NULL;
  lama_error error;
  lama_status status = lama_load(words[1], &options, &inpainter, &error);
  if (status == LAMA_OK) status = lama_inpaint(inpainter, &image, &mask, &image, NULL, &error);
  if (status != LAMA_OK) fprintf(stderr, "error: %s\n", error.message);
  if (status == LAMA_OK) fwrite(bytes, 3, (size_t)pixels, stdout);
  lama_free(inpainter);
  free(bytes);
  return status == LAMA_OK ? 0 : 1;
}
