/* SPDX-License-Identifier: Apache-2.0
 *
 * Makes images of noise by an exported model, with TensorFlow's C API alone:
 *
 *     client FOLDER COUNT NOISE_DIM < noise > images
 *
 * Both are float32, one row after the other. docs/serving.md says how to compile it. The
 * names of tensors are SIGNATURE_INPUT and SIGNATURE; metadata.json lists them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <tensorflow/c/c_api.h>

static void check(const TF_Status* status) {
  if (TF_GetCode(status) == TF_OK) return;
  fprintf(stderr, "%s\n", TF_Message(status));
  exit(1);
}

static TF_Output named(TF_Graph* graph, const char* name) {
  TF_Output found = {TF_GraphOperationByName(graph, name), 0};
  if (found.oper == NULL) {
    fprintf(stderr, "The model has no tensor %s\n", name);
    exit(1);
  }
  return found;
}

static TF_Tensor* read_noise(int64_t count, int64_t noise_dim) {
  int64_t shape[] = {count, noise_dim};
  size_t size = (size_t)(count * noise_dim);
  TF_Tensor* noise = TF_AllocateTensor(TF_FLOAT, shape, 2, size * sizeof(float));
  if (fread(TF_TensorData(noise), sizeof(float), size, stdin) != size) {
    fprintf(stderr, "There are fewer than %zu numbers of noise\n", size);
    exit(1);
  }
  return noise;
}

int main(int argc, char** argv) {
  if (argc != 4) {
    fprintf(stderr, "client FOLDER COUNT NOISE_DIM < noise > images\n");
    return 2;
  }
  TF_Status* status = TF_NewStatus();
  TF_Graph* graph = TF_NewGraph();
  TF_SessionOptions* options = TF_NewSessionOptions();
  const char* tags[] = {"serve"};
  TF_Session* session = TF_LoadSessionFromSavedModel(
      options, NULL, argv[1], tags, 1, graph, NULL, status);
  check(status);

  TF_Tensor* temperature = TF_AllocateTensor(TF_FLOAT, NULL, 0, sizeof(float));
  *(float*)TF_TensorData(temperature) = 1.0f;
  TF_Output inputs[] = {named(graph, "decode_noise_noise"),
                        named(graph, "decode_noise_temperature")};
  TF_Tensor* values[] = {read_noise(atoll(argv[2]), atoll(argv[3])), temperature};
  TF_Output outputs[] = {named(graph, "decode_noise")};
  TF_Tensor* images = NULL;
  TF_SessionRun(session, NULL, inputs, values, 2, outputs, &images, 1, NULL, 0, NULL,
                status);
  check(status);
  fwrite(TF_TensorData(images), 1, TF_TensorByteSize(images), stdout);

  TF_DeleteTensor(images);
  TF_DeleteTensor(values[0]);
  TF_DeleteTensor(temperature);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}
