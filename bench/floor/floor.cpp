// How fast could this machine make `plain` pairs at all? A single-threaded program that does the same work
// without Python: glyph cache, separable Gaussian blur (sigma 2), slice of a noise pool, hand-assembled PNG,
// SHA-256 of both files, one write a file, one JSON line a pair. Prints one JSON line.
//
//   floor --out DIR --words FILE --samples N [--color gray|rgb] [--level 0|1] [--no-digest] [--seed S] FONT...
//
// What it leaves out: HarfBuzz shaping (characters are laid side by side), sessions, checkpoints.

#include <fcntl.h>
#include <ft2build.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>
#include FT_FREETYPE_H

#ifdef WITH_ISAL
#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
static constexpr const char* kCodec = "isa-l";
#else
#include <zlib.h>
static constexpr const char* kCodec = "zlib";
#endif
#ifdef WITH_CRYPTO
#include <openssl/evp.h>
#endif

namespace {

constexpr int kWidth = 256, kHeight = 64, kEm = 32, kMargin = 8;
constexpr double kSigma = 2.0;
constexpr int kRadius = 6;  // 3 sigma
constexpr int kTaps = 2 * kRadius + 1;
constexpr double kNoiseSigma = 3.0;
constexpr size_t kPool = 1u << 20;
using Bytes = std::vector<uint8_t>;
constexpr int kLanes = 32;
typedef uint8_t Narrow __attribute__((vector_size(kLanes)));
typedef uint16_t Wide __attribute__((vector_size(2 * kLanes)));
typedef int16_t Signed __attribute__((vector_size(2 * kLanes)));
typedef int8_t Small __attribute__((vector_size(kLanes)));

struct Options {
    std::string out, words;
    int samples = 1000, level = 1, channels = 1;
    bool digest = true;
    uint64_t seed = 0;
    std::vector<std::string> fonts;
};

uint64_t splitmix(uint64_t& state) {
    uint64_t z = (state += 0x9e3779b97f4a7c15ull);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

void require(bool ok, const std::string& what) {
    if (!ok) throw std::runtime_error(what);
}

// ---- text -------------------------------------------------------------------------------------------------

std::vector<std::string> read_words(const std::string& path) {
    std::ifstream in(path);
    require(in.good(), "cannot read " + path);
    std::vector<std::string> words;
    for (std::string line; std::getline(in, line);)
        if (!line.empty()) words.push_back(line);
    require(!words.empty(), "no words in " + path);
    return words;
}

struct Glyph {
    int left = 0, top = 0, width = 0, rows = 0, advance = 0;
    Bytes pixels;
};

class Face {
  public:
    Face(FT_Library library, const std::string& path) {
        require(FT_New_Face(library, path.c_str(), 0, &face_) == 0, "cannot open font " + path);
        require(FT_Set_Pixel_Sizes(face_, 0, kEm) == 0, "cannot size font " + path);
        baseline = (kHeight + static_cast<int>((face_->size->metrics.ascender + face_->size->metrics.descender) >> 6)) / 2;
    }
    ~Face() { FT_Done_Face(face_); }
    Face(const Face&) = delete;
    Face& operator=(const Face&) = delete;

    const Glyph& glyph(uint8_t code) {
        Glyph& slot = cache_[code];
        if (!known_[code]) load(code, slot);
        return slot;
    }
    int baseline = 0;

  private:
    void load(uint8_t code, Glyph& slot) {
        known_[code] = true;
        if (FT_Load_Char(face_, code, FT_LOAD_RENDER | FT_LOAD_NO_HINTING) != 0) return;
        const FT_GlyphSlot g = face_->glyph;
        slot.left = g->bitmap_left;
        slot.top = g->bitmap_top;
        slot.width = static_cast<int>(g->bitmap.width);
        slot.rows = static_cast<int>(g->bitmap.rows);
        slot.advance = static_cast<int>((g->advance.x + 32) >> 6);
        slot.pixels.resize(static_cast<size_t>(slot.width) * slot.rows);
        for (int y = 0; y < slot.rows; ++y)
            std::memcpy(&slot.pixels[static_cast<size_t>(y) * slot.width], g->bitmap.buffer + y * g->bitmap.pitch, slot.width);
    }
    FT_Face face_ = nullptr;
    std::array<Glyph, 256> cache_;
    std::array<bool, 256> known_{};
};

int text_width(Face& face, const std::string& text) {
    int width = 0;
    for (const char c : text) width += face.glyph(static_cast<uint8_t>(c)).advance;
    return width;
}

// Words drawn by index until the line is full; at least one.
std::string choose_text(Face& face, const std::vector<std::string>& words, uint64_t& rng, int& width) {
    std::string text = words[splitmix(rng) % words.size()];
    width = text_width(face, text);
    for (;;) {
        const std::string more = " " + words[splitmix(rng) % words.size()];
        const int added = text_width(face, more);
        if (width + added > kWidth - 2 * kMargin) return text;
        text += more;
        width += added;
    }
}

// ---- pictures ---------------------------------------------------------------------------------------------

void draw_coverage(Face& face, const std::string& text, int x, uint8_t* coverage) {
    std::memset(coverage, 0, kWidth * kHeight);
    for (const char c : text) {
        const Glyph& g = face.glyph(static_cast<uint8_t>(c));
        const int top = face.baseline - g.top;
        const int x0 = std::max(0, -(x + g.left)), x1 = std::min(g.width, kWidth - x - g.left);
        for (int row = std::max(0, -top); row < std::min(g.rows, kHeight - top); ++row) {
            uint8_t* to = coverage + (top + row) * kWidth + x + g.left;
            const uint8_t* from = &g.pixels[static_cast<size_t>(row) * g.width];
            for (int i = x0; i < x1; ++i) to[i] = static_cast<uint8_t>(std::max(to[i], from[i]));
        }
        x += g.advance;
    }
}

// Blends ink over paper: a table of 256 colours, one look-up a pixel.
void colour(const uint8_t* __restrict coverage, const std::array<uint8_t, 3>& ink, const std::array<uint8_t, 3>& paper, int channels, uint8_t* __restrict image) {
    uint8_t table[256 * 3];
    for (int value = 0; value < 256; ++value)
        for (int c = 0; c < channels; ++c) table[value * channels + c] = static_cast<uint8_t>((paper[c] * (255 - value) + ink[c] * value + 127) / 255);
    if (channels == 1) {
        for (int i = 0; i < kWidth * kHeight; ++i) image[i] = table[coverage[i]];
        return;
    }
    for (int i = 0; i < kWidth * kHeight; ++i) std::memcpy(image + i * 3, table + coverage[i] * 3, 3);
}

std::array<uint16_t, kTaps> gaussian_taps() {
    std::array<double, kTaps> weight{};
    double sum = 0;
    for (int i = 0; i < kTaps; ++i) sum += weight[i] = std::exp(-0.5 * std::pow((i - kRadius) / kSigma, 2));
    std::array<uint16_t, kTaps> taps{};
    int total = 0;
    for (int i = 0; i < kTaps; ++i) total += taps[i] = static_cast<uint16_t>(std::lround(weight[i] / sum * 256));
    taps[kRadius] = static_cast<uint16_t>(taps[kRadius] + 256 - total);
    return taps;
}

// Separable blur in 16 bit fixed point, edges replicated: columns first into `middle`, then rows.
class Blur {
  public:
    explicit Blur(int channels) : channels_(channels), line_((kWidth + 2 * kRadius) * channels) {}

    void run(const uint8_t* image, uint8_t* out) {
        const int stride = kWidth * channels_;
        for (int y = 0; y < kHeight; ++y) {
            uint8_t* middle = &line_[static_cast<size_t>(kRadius) * channels_];
            vertical(image, y, stride, middle);
            for (int x = 0; x < kRadius; ++x)
                for (int c = 0; c < channels_; ++c) {
                    line_[x * channels_ + c] = middle[c];
                    middle[stride + x * channels_ + c] = middle[stride - channels_ + c];
                }
            horizontal(line_.data(), stride, out + y * stride);
        }
    }

  private:
    // All taps for 32 values at a time, so that the sums stay in registers; the kernel is symmetric.
    static void weigh(const std::array<const uint8_t*, kTaps>& rows, const std::array<uint16_t, kTaps>& taps, int count, uint8_t* out) {
        for (int base = 0; base < count; base += kLanes) {
            Wide sum = widen(rows[kRadius] + base) * taps[kRadius] + 128;
            for (int t = 0; t < kRadius; ++t) sum += (widen(rows[t] + base) + widen(rows[kTaps - 1 - t] + base)) * taps[t];
            const Narrow result = __builtin_convertvector(sum >> 8, Narrow);
            std::memcpy(out + base, &result, kLanes);
        }
    }
    static Wide widen(const uint8_t* from) {
        Narrow values;
        std::memcpy(&values, from, kLanes);
        return __builtin_convertvector(values, Wide);
    }
    void vertical(const uint8_t* image, int y, int stride, uint8_t* middle) const {
        std::array<const uint8_t*, kTaps> rows{};
        for (int t = 0; t < kTaps; ++t) rows[t] = image + std::clamp(y + t - kRadius, 0, kHeight - 1) * stride;
        weigh(rows, taps_, stride, middle);
    }
    void horizontal(const uint8_t* line, int stride, uint8_t* out) const {
        std::array<const uint8_t*, kTaps> rows{};
        for (int t = 0; t < kTaps; ++t) rows[t] = line + t * channels_;
        weigh(rows, taps_, stride, out);
    }
    int channels_;
    Bytes line_;
    std::array<uint16_t, kTaps> taps_ = gaussian_taps();
};

std::vector<int8_t> noise_pool() {
    std::mt19937 rng(1);
    std::normal_distribution<double> normal(0.0, kNoiseSigma);
    std::vector<int8_t> pool(kPool);
    for (int8_t& value : pool) value = static_cast<int8_t>(std::clamp(std::lround(normal(rng)), -127l, 127l));
    return pool;
}

void add_noise(uint8_t* image, const int8_t* noise, size_t count) {
    for (size_t i = 0; i < count; i += kLanes) {
        Narrow values;
        Small added;
        std::memcpy(&values, image + i, kLanes);
        std::memcpy(&added, noise + i, kLanes);
        Signed sum = __builtin_convertvector(values, Signed) + __builtin_convertvector(added, Signed);
        sum = sum < 0 ? Signed{} : sum;
        sum = sum > 255 ? Signed{} + 255 : sum;
        values = __builtin_convertvector(sum, Narrow);
        std::memcpy(image + i, &values, kLanes);
    }
}

// ---- PNG --------------------------------------------------------------------------------------------------

void put32(uint8_t* to, uint32_t value) {
    for (int i = 0; i < 4; ++i) to[i] = static_cast<uint8_t>(value >> (24 - 8 * i));
}

uint32_t crc_of(const uint8_t* data, size_t size) {
#ifdef WITH_ISAL
    return crc32_gzip_refl(0, data, size);
#else
    return static_cast<uint32_t>(crc32(0, data, static_cast<uInt>(size)));
#endif
}

class Deflater {
  public:
    explicit Deflater(int level) : level_(level) {
#ifdef WITH_ISAL
        buffer_.resize(ISAL_DEF_LVL1_DEFAULT);
#endif
    }
    size_t zlib(const Bytes& raw, uint8_t* out, size_t room) {
#ifdef WITH_ISAL
        isal_deflate_stateless_init(&stream_);
        stream_.gzip_flag = IGZIP_ZLIB;
        stream_.level = static_cast<uint32_t>(level_);
        stream_.level_buf = buffer_.data();
        stream_.level_buf_size = static_cast<uint32_t>(buffer_.size());
        stream_.end_of_stream = 1;
        stream_.next_in = const_cast<uint8_t*>(raw.data());
        stream_.avail_in = static_cast<uint32_t>(raw.size());
        stream_.next_out = out;
        stream_.avail_out = static_cast<uint32_t>(room);
        require(isal_deflate_stateless(&stream_) == COMP_OK, "deflate failed");
        return stream_.total_out;
#else
        uLongf size = static_cast<uLongf>(room);
        require(compress2(out, &size, raw.data(), raw.size(), level_) == Z_OK, "deflate failed");
        return size;
#endif
    }

  private:
    int level_;
#ifdef WITH_ISAL
    isal_zstream stream_;
    Bytes buffer_;
#endif
};

// One PNG: signature, IHDR, one IDAT, IEND; every row has filter 0.
class Png {
  public:
    Png(int channels, int level) : channels_(channels), deflater_(level), raw_(static_cast<size_t>(kHeight) * (kWidth * channels + 1)), file_(raw_.size() * 2 + 1024) {
        static const uint8_t signature[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n', 0, 0, 0, 13, 'I', 'H', 'D', 'R'};
        std::memcpy(file_.data(), signature, sizeof signature);
        put32(&file_[16], kWidth);
        put32(&file_[20], kHeight);
        const uint8_t rest[] = {8, static_cast<uint8_t>(channels == 1 ? 0 : 2), 0, 0, 0};
        std::memcpy(&file_[24], rest, sizeof rest);
        put32(&file_[29], crc_of(&file_[12], 17));
        std::memcpy(&file_[37], "IDAT", 4);
    }
    size_t encode(const uint8_t* image) {
        const size_t stride = static_cast<size_t>(kWidth) * channels_;
        for (int y = 0; y < kHeight; ++y) std::memcpy(&raw_[y * (stride + 1) + 1], image + y * stride, stride);
        const size_t size = deflater_.zlib(raw_, &file_[41], file_.size() - 64);
        put32(&file_[33], static_cast<uint32_t>(size));
        put32(&file_[41 + size], crc_of(&file_[37], size + 4));
        static const uint8_t end[] = {0, 0, 0, 0, 'I', 'E', 'N', 'D', 0xae, 0x42, 0x60, 0x82};
        std::memcpy(&file_[45 + size], end, sizeof end);
        return 57 + size;
    }
    const uint8_t* data() const { return file_.data(); }

  private:
    int channels_;
    Deflater deflater_;
    Bytes raw_, file_;
};

// ---- files ------------------------------------------------------------------------------------------------

class Digest {
  public:
#ifdef WITH_CRYPTO
    Digest() : context_(EVP_MD_CTX_new()), kind_(EVP_sha256()) {}
    ~Digest() { EVP_MD_CTX_free(context_); }
    Digest(const Digest&) = delete;
    Digest& operator=(const Digest&) = delete;
    std::string hex(const uint8_t* data, size_t size) {
        unsigned char digest[32];
        EVP_DigestInit_ex(context_, kind_, nullptr);
        EVP_DigestUpdate(context_, data, size);
        EVP_DigestFinal_ex(context_, digest, nullptr);
        static const char digits[] = "0123456789abcdef";
        std::string text(64, '0');
        for (int i = 0; i < 32; ++i) {
            text[2 * i] = digits[digest[i] >> 4];
            text[2 * i + 1] = digits[digest[i] & 15];
        }
        return text;
    }

  private:
    EVP_MD_CTX* context_;
    const EVP_MD* kind_;
#else
    std::string hex(const uint8_t*, size_t) { throw std::runtime_error("built without libcrypto: use --no-digest"); }
#endif
};

void write_whole(int folder, const char* name, const uint8_t* data, size_t size) {
    const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    require(fd >= 0, std::string("cannot create ") + name);
    while (size > 0) {
        const ssize_t done = ::write(fd, data, size);
        require(done > 0, std::string("cannot write ") + name);
        data += done;
        size -= static_cast<size_t>(done);
    }
    require(close(fd) == 0, std::string("cannot close ") + name);
}

void make_folder(const std::string& path) { require(mkdir(path.c_str(), 0755) == 0 || errno == EEXIST, "cannot create " + path); }

std::string stem_of(const std::string& path) {
    const size_t slash = path.find_last_of('/') + 1;
    std::string stem = path.substr(slash, path.find_last_of('.') - slash);
    for (char& c : stem)
        if (!std::isalnum(static_cast<unsigned char>(c)) && c != '-') c = '_';
    return stem;
}

class Mill {
  public:
    Mill(const Options& options, const std::vector<std::string>& words)
        : options_(options), words_(words), blur_(options.channels), png_(options.channels, options.level), pool_(noise_pool()), coverage_(kWidth * kHeight),
          clear_(coverage_.size() * options.channels), blurred_(clear_.size()) {}

    void font(Face& face, uint64_t number, const std::string& name) {
        const std::string home = options_.out + "/fonts/" + name;
        make_folder(home);
        make_folder(home + "/images");
        const int folder = open((home + "/images").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        const int labels = open((home + "/metadata.jsonl").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
        require(folder >= 0 && labels >= 0, "cannot open " + home);
        for (int index = 1; index <= options_.samples; ++index) {
            pair(face, number, name, index, folder);
            if (index % 64 == 0 || index == options_.samples) flush(labels);
        }
        close(folder);
        require(close(labels) == 0, "cannot close labels");
    }
    uint64_t bytes = 0;

  private:
    void pair(Face& face, uint64_t number, const std::string& name, int index, int folder) {
        uint64_t rng = options_.seed ^ (number << 40) ^ static_cast<uint64_t>(index);
        int width = 0;
        const std::string text = choose_text(face, words_, rng, width);
        const std::array<uint8_t, 3> ink = {static_cast<uint8_t>(splitmix(rng) % 64), static_cast<uint8_t>(splitmix(rng) % 64), static_cast<uint8_t>(splitmix(rng) % 64)};
        draw_coverage(face, text, std::max(kMargin, (kWidth - width) / 2), coverage_.data());
        colour(coverage_.data(), ink, {255, 255, 255}, options_.channels, clear_.data());
        blur_.run(clear_.data(), blurred_.data());
        add_noise(blurred_.data(), &pool_[splitmix(rng) % (kPool - blurred_.size())], blurred_.size());
        const std::string one = save(clear_.data(), name, index, "clear", folder), two = save(blurred_.data(), name, index, "blurred", folder);
        char line[768];
        const int size = std::snprintf(line, sizeof line, "{\"index\":%d,\"text\":\"%s\",\"width\":%d,\"height\":%d,%s,%s}\n", index, text.c_str(), kWidth, kHeight, one.c_str(), two.c_str());
        lines_.append(line, static_cast<size_t>(size));
    }
    std::string save(const uint8_t* image, const std::string& name, int index, const char* half, int folder) {
        const size_t size = png_.encode(image);
        char file[256];
        std::snprintf(file, sizeof file, "%s_%06d_%s.png", name.c_str(), index, half);
        write_whole(folder, file, png_.data(), size);
        bytes += size;
        char label[512];
        std::snprintf(label, sizeof label, "\"%s_file_name\":\"images/%s\",\"%s_bytes\":%zu,\"%s_sha256\":\"%s\"", half, file, half, size, half,
                      options_.digest ? digest_.hex(png_.data(), size).c_str() : "");
        return label;
    }
    void flush(int labels) {
        require(::write(labels, lines_.data(), lines_.size()) == static_cast<ssize_t>(lines_.size()), "cannot write labels");
        lines_.clear();
    }
    const Options& options_;
    const std::vector<std::string>& words_;
    Blur blur_;
    Png png_;
    Digest digest_;
    std::vector<int8_t> pool_;
    Bytes coverage_, clear_, blurred_;
    std::string lines_;
};

Options parse(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string arg = argv[i];
        const auto value = [&] {
            require(i + 1 < argc, arg + " takes a value");
            return std::string(argv[++i]);
        };
        if (arg == "--out") options.out = value();
        else if (arg == "--words") options.words = value();
        else if (arg == "--samples") options.samples = std::stoi(value());
        else if (arg == "--level") options.level = std::stoi(value());
        else if (arg == "--seed") options.seed = std::stoull(value());
        else if (arg == "--color") options.channels = value() == "rgb" ? 3 : 1;
        else if (arg == "--no-digest") options.digest = false;
        else options.fonts.push_back(arg);
    }
    require(!options.out.empty() && !options.words.empty() && !options.fonts.empty(), "usage: floor --out DIR --words FILE --samples N FONT...");
    return options;
}

double seconds(const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6; }

int run(const Options& options) {
    const auto begin = std::chrono::steady_clock::now();
    const std::vector<std::string> words = read_words(options.words);
    make_folder(options.out);
    make_folder(options.out + "/fonts");
    FT_Library library;
    require(FT_Init_FreeType(&library) == 0, "FreeType does not start");
    Mill mill(options, words);
    for (size_t i = 0; i < options.fonts.size(); ++i) {
        Face face(library, options.fonts[i]);
        mill.font(face, i + 1, stem_of(options.fonts[i]));
    }
    FT_Done_FreeType(library);
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    const double cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    const double wall = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    const double pairs = static_cast<double>(options.samples) * static_cast<double>(options.fonts.size());
    std::printf("{\"program\":\"floor\",\"pairs\":%.0f,\"color\":\"%s\",\"codec\":\"%s\",\"level\":%d,\"digest\":%s,\"cpu_s\":%.4f,\"wall_s\":%.4f,\"pairs_per_cpu_s\":%.1f,\"bytes_per_pair\":%.0f}\n", pairs,
                options.channels == 1 ? "gray" : "rgb", kCodec, options.level, options.digest ? "true" : "false", cpu, wall, pairs / cpu, static_cast<double>(mill.bytes) / pairs);
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(parse(argc, argv));
    } catch (const std::exception& error) {
        std::fprintf(stderr, "floor: %s\n", error.what());
        return 1;
    }
}
