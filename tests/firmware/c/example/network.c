#include "network.h"
#include "board.h"

static uint32_t next(uint32_t *random) {
    uint32_t x = *random;
    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    return *random = x;
}

/* In [-1, 1). */
static float uniform(uint32_t *random) { return (float)(next(random) >> 8) / 8388608.0f - 1.0f; }

/* One revolution's readings; returns the class. */
static size_t read(struct network *network, uint32_t *random) {
    const size_t class = next(random) % CLASSES;
    const float sign = uniform(random) < 0.0f ? -1.0f : 1.0f;
    const float amplitude = class == 0 ? 0.0f : sign * (1.0f + 0.4f * uniform(random));
    const float drift = 2.0f * uniform(random);
    for (size_t k = 0; k < SENSORS; k++) {
        const float fault = network->sines[k * class % SENSORS];
        network->inputs[k] = network->sines[k] + amplitude * fault + drift + 0.1f * uniform(random);
    }
    network->inputs[SENSORS] = 1.0f;
    return class;
}

static float dot(const float *a, const float *b, size_t length) {
    float sum = 0.0f;
    for (size_t i = 0; i < length; i++) {
        sum += a[i] * b[i];
    }
    return sum;
}

/* The loss of a sample; leaves its derivative by the outputs' sums in the outputs. */
static float forward(struct network *network, size_t class) {
    for (size_t i = 0; i < HIDDEN; i++) {
        network->hidden[i] = tanhf(dot(network->first + i * INPUTS, network->inputs, INPUTS));
    }
    float *outputs = network->outputs;
    float largest = -3.40282347e38f;
    for (size_t i = 0; i < CLASSES; i++) {
        outputs[i] = dot(network->second + i * HIDDEN, network->hidden, HIDDEN);
        largest = outputs[i] > largest ? outputs[i] : largest;
    }
    const float right = outputs[class];
    float sum = 0.0f;
    for (size_t i = 0; i < CLASSES; i++) {
        outputs[i] = expf(outputs[i] - largest);
        sum += outputs[i];
    }
    for (size_t i = 0; i < CLASSES; i++) {
        outputs[i] /= sum;
    }
    outputs[class] -= 1.0f;
    return logf(sum) + largest - right;
}

static void backward(struct network *network, float weight) {
    for (size_t i = 0; i < CLASSES; i++) {
        for (size_t j = 0; j < HIDDEN; j++) {
            network->second_gradient[i * HIDDEN + j] += weight * network->outputs[i] * network->hidden[j];
        }
    }
    for (size_t j = 0; j < HIDDEN; j++) {
        float above = 0.0f;
        for (size_t i = 0; i < CLASSES; i++) {
            above += network->second[i * HIDDEN + j] * network->outputs[i];
        }
        const float hidden = above * (1.0f - network->hidden[j] * network->hidden[j]);
        for (size_t k = 0; k < INPUTS; k++) {
            network->first_gradient[j * INPUTS + k] += weight * hidden * network->inputs[k];
        }
    }
}

void network_start(struct network *network) {
    for (size_t k = 0; k < SENSORS; k++) {
        network->sines[k] = sinf(2.0f * 3.14159274f * (float)k / (float)SENSORS);
    }
    uint32_t random = 0x9E3779B9;
    for (size_t i = 0; i < FIRST; i++) {
        network->first[i] = 1.0f / __builtin_sqrtf((float)INPUTS) * uniform(&random);
    }
    for (size_t i = 0; i < SECOND; i++) {
        network->second[i] = 1.0f / __builtin_sqrtf((float)HIDDEN) * uniform(&random);
    }
    network->random = 0x7F4A7C15;
}

float network_batch(struct network *network) {
    const float weight = 1.0f / (float)BATCH;
    float loss = 0.0f;
    for (size_t i = 0; i < FIRST; i++) {
        network->first_gradient[i] = 0.0f;
    }
    for (size_t i = 0; i < SECOND; i++) {
        network->second_gradient[i] = 0.0f;
    }
    for (size_t sample = 0; sample < BATCH; sample++) {
        const size_t class = read(network, &network->random);
        loss += weight * forward(network, class);
        backward(network, weight);
    }
    return loss;
}

float network_held_out(struct network *network, size_t samples) {
    uint32_t random = 0xF39CC060;
    float loss = 0.0f;
    for (size_t sample = 0; sample < samples; sample++) {
        const size_t class = read(network, &random);
        loss += forward(network, class);
    }
    return loss / (float)samples;
}

static uint32_t fold(uint32_t hash, const float *numbers, size_t length) {
    for (size_t i = 0; i < length; i++) {
        uint32_t bits;
        __builtin_memcpy(&bits, numbers + i, sizeof bits);
        for (int byte = 0; byte < 4; byte++) {
            hash = (hash ^ (bits >> 8 * byte & 0xFF)) * 0x01000193u;
        }
    }
    return hash;
}

uint32_t network_digest(const struct network *network) {
    return fold(fold(0x811C9DC5, network->first, FIRST), network->second, SECOND);
}
