package imports

import (
	"whittle.dev/whittle/internal/python"
	"whittle.dev/whittle/internal/python/source"
)

// freezes says that a module is compiled into the interpreter from its text:
// it is there without its file.
func freezes(i python.Interpreter, name string) bool {
	return frozen[name] && i.Implementation == "cpython" && i.Numbers()[1] >= 11
}

// frozen are those of CPython from 3.11 on (Python/frozen.c).
var frozen = source.NameSet(`abc codecs io _collections_abc _sitebuiltins genericpath ntpath posixpath os site stat importlib.util importlib.machinery runpy`)

// alwaysBuiltin are compiled into every CPython from 3.8 on; sys.builtin_module_names
// of a build without any others (Debian's, the official images').
var alwaysBuiltin = source.NameSet(`_abc _ast _codecs _collections _functools _imp _io _locale _operator _signal _sre
	_stat _string _symtable _thread _tracemalloc _warnings _weakref atexit builtins errno faulthandler gc
	itertools marshal posix pwd sys time _frozen_importlib _frozen_importlib_external zipimport __main__`)

// mayBeBuiltin are the standard library's modules in C that some builds
// compile in and others keep as files (sys.stdlib_module_names of 3.9 to 3.14).
var mayBeBuiltin = source.NameSet(`_asyncio _bisect _blake2 _bz2 _codecs_cn _codecs_hk _codecs_iso2022 _codecs_jp _codecs_kr
	_codecs_tw _contextvars _crypt _csv _ctypes _curses _curses_panel _datetime _dbm _decimal _elementtree _gdbm
	_hashlib _heapq _hmac _interpchannels _interpqueues _interpreters _json _lsprof _lzma _md5 _multibytecodec
	_multiprocessing _opcode _pickle _posixshmem _posixsubprocess _queue _random _remote_debugging _scproxy _sha1
	_sha2 _sha256 _sha3 _sha512 _socket _sqlite3 _ssl _statistics _struct _suggestions _sysconfig _tkinter _tokenize
	_types _typing _uuid _xxsubinterpreters _zoneinfo _zstd array audioop binascii cmath fcntl grp math mmap nis
	ossaudiodev pyexpat readline resource select spwd syslog termios unicodedata zlib`)
