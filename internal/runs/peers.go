package runs

import (
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/build"
)

// service is a kind of server that programs are clients of.
type service struct {
	name        string
	defaultPort int
	// packages are the Python packages of its clients, which raise exceptions
	// about it; schemes are those of its URLs; words are its names in messages and
	// as a host; servers are the server's programs.
	packages, schemes, words, servers []string
}

// services are the known kinds. Any other service is named by its address.
var services = []service{
	{"postgres", 5432, []string{"psycopg", "psycopg2", "psycopg_pool", "psycopg_c", "asyncpg", "pg8000", "aiopg"}, []string{"postgres", "postgresql"}, []string{"postgres", "postgresql", "pg", "pgsql"}, []string{"postgres", "postmaster"}},
	{"mysql", 3306, []string{"pymysql", "MySQLdb", "mysql", "aiomysql", "asyncmy", "mariadb"}, []string{"mysql", "mariadb"}, []string{"mysql", "mariadb"}, []string{"mysqld", "mariadbd"}},
	{"redis", 6379, []string{"redis", "aioredis", "valkey"}, []string{"redis", "rediss"}, []string{"redis", "valkey"}, []string{"redis-server", "valkey-server"}},
	{"mongodb", 27017, []string{"pymongo", "motor"}, []string{"mongodb", "mongodb+srv"}, []string{"mongo", "mongodb"}, []string{"mongod"}},
	{"rabbitmq", 5672, []string{"pika", "amqp", "aio_pika", "aiormq"}, []string{"amqp", "amqps", "pyamqp"}, []string{"rabbitmq", "rabbit", "amqp"}, []string{"rabbitmq-server", "beam.smp"}},
	{"kafka", 9092, []string{"kafka", "aiokafka", "confluent_kafka", "cimpl"}, []string{"kafka"}, []string{"kafka"}, []string{"kafka"}},
	{"elasticsearch", 9200, []string{"elasticsearch", "elastic_transport"}, nil, []string{"elasticsearch", "elastic"}, nil},
	{"opensearch", 9200, []string{"opensearchpy"}, nil, []string{"opensearch"}, nil},
	{"memcached", 11211, []string{"pymemcache", "memcache", "pylibmc", "aiomcache"}, []string{"memcached", "memcache"}, []string{"memcached"}, []string{"memcached"}},
	{"cassandra", 9042, []string{"cassandra"}, nil, []string{"cassandra", "scylla"}, nil},
	{"clickhouse", 8123, []string{"clickhouse_connect", "clickhouse_driver", "asynch"}, []string{"clickhouse"}, []string{"clickhouse"}, []string{"clickhouse-serv"}},
	{"nats", 4222, []string{"nats"}, []string{"nats"}, []string{"nats"}, []string{"nats-server"}},
	{"neo4j", 7687, []string{"neo4j"}, []string{"bolt", "neo4j"}, []string{"neo4j"}, nil},
	{"influxdb", 8086, []string{"influxdb_client", "influxdb"}, nil, []string{"influxdb"}, []string{"influxd"}},
	{"zookeeper", 2181, []string{"kazoo"}, nil, []string{"zookeeper"}, nil},
	{"an LDAP server", 389, []string{"ldap3", "ldap", "bonsai"}, []string{"ldap", "ldaps"}, []string{"ldap", "openldap"}, []string{"slapd"}},
	{"an SMTP server", 25, []string{"smtplib", "aiosmtplib"}, []string{"smtp"}, []string{"smtp"}, nil},
	{"an SSH server", 22, []string{"paramiko", "asyncssh"}, []string{"sftp", "ssh"}, nil, []string{"sshd"}},
	{"oracle", 1521, []string{"oracledb", "cx_Oracle"}, []string{"oracle"}, []string{"oracle"}, nil},
	{"sqlserver", 1433, []string{"pyodbc", "pymssql"}, []string{"mssql"}, []string{"mssql", "sqlserver"}, nil},
	{"minio", 9000, []string{"minio"}, nil, []string{"minio"}, []string{"minio"}},
	{"vault", 8200, []string{"hvac"}, nil, []string{"vault"}, []string{"vault"}},
	{"consul", 8500, []string{"consul"}, nil, []string{"consul"}, []string{"consul"}},
	{"etcd", 2379, []string{"etcd3", "etcd"}, nil, []string{"etcd"}, []string{"etcd"}},
	{"a gRPC server", 0, []string{"grpc"}, nil, nil, nil},
	{"the Docker engine", 0, []string{"docker"}, nil, nil, nil},
}

func serviceBy(match func(service) bool) service {
	if i := slices.IndexFunc(services, match); i >= 0 {
		return services[i]
	}
	return service{}
}

// peer is the other end of a connection; port 0 is unknown.
type peer struct {
	service
	host   string
	port   int
	socket string
}

// String is the peer in words: "postgres at db:5432".
func (p peer) String() string {
	name := p.name
	if name == "" {
		name = "a service"
	}
	port := p.port
	if port == 0 {
		port = p.defaultPort
	}
	switch {
	case p.socket != "":
		return name + " at " + p.socket
	case p.host == "" && p.name == "":
		return "a service on the network"
	case p.host == "":
		return name
	case port == 0:
		return name + " at " + p.host
	}
	return name + " at " + net.JoinHostPort(p.host, strconv.Itoa(port))
}

// peerFinder finds the services that a run failed to reach, without those that the
// image itself runs.
type peerFinder struct {
	ownPorts []int // ports that it listens on
	programs []string
	urls     []string // values of its environment
	args     []string
}

func newPeerFinder(r build.RunResult, process whittle.Process) peerFinder {
	p := peerFinder{args: r.Args}
	for name := range process.ExposedPorts {
		number, _, _ := strings.Cut(name, "/")
		if n, err := strconv.Atoi(number); err == nil {
			p.ownPorts = append(p.ownPorts, n)
		}
	}
	if r.Watched != nil {
		p.ownPorts = append(p.ownPorts, r.Watched.Ports...)
		p.programs = r.Watched.Programs
	}
	for _, v := range process.Env {
		if name, value, _ := strings.Cut(v, "="); name != "" && strings.Contains(value, "://") {
			p.urls = append(p.urls, value)
		}
	}
	return p
}

// Messages about connections that failed. Those about unknown host names are from
// glibc, musl, Go, Node.js, curl and others. Names of error numbers are words in
// capitals: ModuleNotFoundError has ENOTFOUND in it.
var (
	unresolved = regexp.MustCompile(`(?i)temporary failure in name resolution|name or service not known|no address associated with|name does not resolve|could not (?:resolve|translate) host|failed to (?:dns )?resolve|errors? resolving|unable to resolve|cannot resolve|can't resolve|bad address|unknown host|unknown (?:mysql )?server host|no such host|server misbehaving|(?-i:\b(?:ENOTFOUND|EAI_AGAIN|EAI_NONAME)\b)|getaddrinfo|nameservers failed|could not contact DNS`)
	refused    = regexp.MustCompile(`(?i)connection refused|(?-i:\bECONNREFUSED\b)|connect call failed|network is (?:unreachable|down)|(?-i:\b(?:ENETUNREACH|EHOSTUNREACH)\b)|no route to host|can't connect to (?:local )?\S+ server|could ?n[o']t (?:connect|reach)|check your internet connection|(?:cannot|unable to|failed to|failed|error|could not) connect(?:ing)? to|connect to server at '\S+' failed|unable to bootstrap|all connection attempts failed|connection to server (?:at|on socket) .* failed|\.s\.PGSQL\.|broker transport failure|no ?brokers ?available`)
	noReply    = regexp.MustCompile(`(?i)(?:^|\s)\S+:\d+ - (?:no response|rejecting connections)|timeout occurred after waiting|^Timeout after \S+ waiting on|Operation timed out`)
	// waitingFor and unready are what scripts print that wait.
	waitingFor = regexp.MustCompile(`(?i)\bwaiting (?:up to )?(?:\d+ ?s(?:ec\w*)? )?(?:for|on|until)[: ]+(?:the )?(.*)`)
	unready    = regexp.MustCompile(`(?i)\b(?:unavailable|not (?:yet )?(?:ready|available|reachable|up|accepting)|unreachable|is down|isn't (?:ready|up|available)|still (?:starting|down))\b`)
	// serverCalls are calls that open the listening end of a socket.
	serverCalls = regexp.MustCompile(`\.bind\(|\.listen\(|bind_sockets|server_bind|create_server|getfqdn`)
)

// unreachable are classes of clients' exceptions that mean that nothing answered.
var unreachable = []string{"gaierror", "herror", "ConnectionRefusedError", "NoServersError", "KazooTimeoutError", "UnresolvableContactPoints", "NoHostAvailable", "NoBrokersAvailable", "KafkaConnectionError",
	"ServerSelectionTimeoutError", "AutoReconnect", "ServiceUnavailable", "AMQPConnectionError", "LDAPSocketOpenError", "LDAPServerPoolExhaustedError", "EndpointConnectionError", "ConnectTimeout", "ConnectTimeoutError", "ConnectionTimeout", "ConnectError", "NameResolutionError", "NewConnectionError", "ClientConnectorError", "ClientConnectorDNSError"}

// fromExceptions is the unreachable service that raised exceptions.
func (p peerFinder) fromExceptions(chain []trace) string {
	if !slices.ContainsFunc(chain, func(t trace) bool { return t.disconnected() }) {
		return ""
	}
	var found peer
	for i := range chain {
		t := &chain[len(chain)-1-i] // the first exception knows most of the address
		text := t.message + " " + strings.Join(t.more[:min(len(t.more), 4)], " ")
		found = found.complete(addressIn(text))
	}
	for _, t := range chain {
		for _, f := range t.frames {
			found = found.withKind(serviceOfPackage(packageOf(f.path)))
		}
		first, _, _ := strings.Cut(t.exception, ".")
		found = found.withKind(serviceOfPackage(first))
	}
	for _, t := range chain {
		found = found.withKind(serviceInText(t.message))
	}
	for _, t := range chain {
		for _, f := range t.frames {
			if packageOf(f.path) == "" {
				found = found.complete(addressIn(f.source)).complete(addressInArguments(f.source))
			}
		}
	}
	if found.unknown() && !slices.ContainsFunc(chain, func(t trace) bool { return notAPort.MatchString(t.message) }) {
		return "" // where there is no network, only the image's own ports refuse
	}
	return p.describe(found)
}

// notAPort are messages about host names and machines rather than ports.
var notAPort = regexp.MustCompile(unresolved.String() + `|(?i)network is (?:unreachable|down)|(?-i:\b(?:ENETUNREACH|EHOSTUNREACH)\b)|no route to host|endpoint`)

// disconnected says that an exception is about a failed connection to another
// program.
func (t *trace) disconnected() bool {
	if slices.ContainsFunc(t.frames, func(f frame) bool { return serverCalls.MatchString(f.source) || serverCalls.MatchString(f.function) }) {
		return false
	}
	text := t.message + " " + strings.Join(t.more[:min(len(t.more), 4)], " ")
	if slices.Contains(unreachable, t.class()) || unresolved.MatchString(text) || refused.MatchString(text) {
		return true
	}
	return t.inPackage("docker") && strings.Contains(text, "Error while fetching server API version")
}

// fromMessage is the service that one line of an output reports as unreachable or
// not ready. If the line has no address, it is taken from the lines around it.
func (p peerFinder) fromMessage(line string, around []string) string {
	var found peer
	switch {
	case unresolved.MatchString(line), refused.MatchString(line), noReply.MatchString(line):
		found = addressIn(line).withKind(serviceInText(line))
	case waitingFor.MatchString(line):
		line = waitingFor.FindStringSubmatch(line)[1]
		if found = addressIn(line).withKind(serviceInText(line)); found.unknown() && !anyDatabase.MatchString(line) {
			return ""
		}
	case unready.MatchString(line):
		if found = addressIn(line).withKind(serviceInText(line)); found.name == "" && !anyDatabase.MatchString(line) {
			return ""
		}
	default:
		return ""
	}
	for _, other := range slices.Backward(around) {
		if found.port == 0 && found.socket == "" {
			at := addressIn(other)
			if (found.host == "" && at.host != "" || at.port > 0) && p.describe(at.withKind(found.service)) != "" {
				found = found.complete(at)
			}
		}
	}
	if found.unknown() && noReply.MatchString(line) {
		return p.fromArguments(p.args)
	}
	if found.unknown() && anyDatabase.MatchString(line) {
		return "a database"
	}
	return p.describe(found)
}

// fromArguments is the service whose address is in a command line, by itself or
// in a script: "nc -z db 5432", "./wait-for db:5432 -- serve".
func (p peerFinder) fromArguments(args []string) string {
	text := strings.Join(args, " ")
	found := addressIn(text)
	if found.unknown() {
		if m := commandAddress.FindStringSubmatch(text); m != nil {
			found.host = m[1]
			found.port, _ = strconv.Atoi(m[2])
		}
	}
	if found.unknown() {
		return ""
	}
	return p.describe(found)
}

var commandAddress = regexp.MustCompile(`\b(?:nc|ncat|netcat|telnet)(?: -\S+)* ([\w.-]+) (\d+)\b`)

// anyDatabase matches scripts that wait for a database without saying which.
var anyDatabase = regexp.MustCompile(`(?i)\b(?:database|db)\b`)

// unknown says that nothing is known about a peer.
func (p peer) unknown() bool { return p.name == "" && p.host == "" && p.socket == "" }

// describe is a peer in words, empty if the image itself runs it.
func (p peerFinder) describe(found peer) string {
	if found.name == "" {
		found = found.withKind(serviceBy(func(s service) bool { return s.defaultPort > 0 && s.defaultPort == found.port }))
	}
	if found.name == "" {
		found = found.withKind(serviceBy(func(s service) bool { return slices.Contains(s.words, found.host) }))
	}
	if found.host == "" && found.socket == "" && found.name != "" {
		for _, u := range p.urls {
			if other := addressIn(u); other.name == found.name {
				found = found.complete(other)
			}
		}
	}
	if loopback(found.host) && p.isOwn(found) {
		return ""
	}
	if found.socket == "" && slices.ContainsFunc(found.servers, func(s string) bool { return slices.Contains(p.programs, s) }) && loopback(found.host) {
		return ""
	}
	return found.String()
}

// isOwn says that a local port belongs to the image: it listens on it or exposes
// it, or no known service uses it.
func (p peerFinder) isOwn(found peer) bool {
	port := found.port
	if port == 0 {
		port = found.defaultPort
	}
	return found.name == "" || slices.Contains(p.ownPorts, port)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || host == "whittle" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// complete adds to a peer what another one knows about the address and kind.
func (p peer) complete(other peer) peer {
	if p.socket == "" && (p.host == "" || p.host == other.host && p.port == 0) {
		p.host, p.port, p.socket = other.host, other.port, other.socket
	}
	if p.name == "" {
		p.service = other.service
	}
	return p
}

// withKind sets the kind of a peer unless it is already known.
func (p peer) withKind(s service) peer {
	if p.name == "" {
		p.service = s
	}
	return p
}

func serviceOfPackage(pkg string) service {
	return serviceBy(func(s service) bool { return slices.Contains(s.packages, pkg) })
}

// serviceInText is the first kind of service that a text names, or whose client
// prints such messages.
func serviceInText(text string) service {
	if libpqMessage.MatchString(text) {
		return serviceOfPackage("psycopg")
	}
	for _, word := range wordPattern.FindAllString(strings.ToLower(text), -1) {
		if s := serviceBy(func(s service) bool { return slices.Contains(s.words, word) || slices.Contains(s.schemes, word) }); s.name != "" {
			return s
		}
	}
	return service{}
}

// libpqMessage are messages of libpq, PostgreSQL's client library.
var libpqMessage = regexp.MustCompile(`could not translate host name|connection to server (?:at|on socket) "|\.s\.PGSQL\.|:\d+ - (?:no response|rejecting connections)`)

var wordPattern = regexp.MustCompile(`[a-z][a-z0-9+]*`)

// Patterns of addresses in messages. The first group is the host, the second, if
// any, the port; for urlPattern, the scheme comes before them.
var (
	urlPattern      = regexp.MustCompile(`\b([a-z][a-z0-9+]*)://(?:[^\s/'"]*@)?([\w.-]+|\[[0-9a-fA-F:.]+\])(?::(\d+))?`)
	socketPattern   = regexp.MustCompile(`(?:socket |unix:/*)["']?(/[\w./-]+)`)
	addressPatterns = []*regexp.Regexp{
		regexp.MustCompile(`lookup ([\w.-]+)(?: on [\w.:]+)?: `),
		regexp.MustCompile(`host='([^']+)', port=(\d+)`),
		regexp.MustCompile(`server at "([^"]+)"(?: \([^)]*\))?, port (\d+)`),
		regexp.MustCompile(`\('([\w.:-]+)', (\d+)`),
		regexp.MustCompile(`/dev/tcp/([\w.-]+)/(\d+)`),
		regexp.MustCompile(`(?i)connect to ([\w.-]+) port (\d+)`),
		regexp.MustCompile(`(?i)host "([^"]+)" port "?(\d+)`),
		regexp.MustCompile(`(?i)server (?:on|host|at) '([\w.-]+)(?::(\d+))?'`),
		regexp.MustCompile(`(?i)resolv(?:e|ing)(?: host address| host| address)?:? ['"‘]?([\w.-]*\w)(?::(\d+))?`),
		regexp.MustCompile(`(?i)host name "([\w.-]+)"`),
		regexp.MustCompile(`(?i)bad address ['"]([\w.-]+)(?::(\d+))?['"]`),
		regexp.MustCompile(`(?:ENOTFOUND|EAI_AGAIN) ([\w.-]+)(?::(\d+))?`),
		regexp.MustCompile(`ECONNREFUSED ([\w.:-]+?):(\d+)`),
		regexp.MustCompile(`_mongodb\._tcp\.([\w.-]*\w)`),
		regexp.MustCompile(`(?:^|[\s'"(\[/,=])([A-Za-z][\w.-]*|\d+\.\d+\.\d+\.\d+):(\d{2,5})(?:$|[^\d\w.]|\.(?:\s|$))`),
		regexp.MustCompile(`(?:^|: )([\w-][\w.-]*): (?:[Tt]emporary failure in name|[Nn]ame or service)`),
	}
	// argumentPatterns are hosts in source code.
	argumentPatterns = []*regexp.Regexp{
		regexp.MustCompile(`\(["']([\w.-]+)["'], ?(\d+)\)`),
		regexp.MustCompile(`(?:host|hostname|server|servers|addr|address)=\[?["']([\w.-]+)["'](?:.*?port=(\d+))?`),
		regexp.MustCompile(`(?:Server|Parameters|connect|Connection|Client|Cluster|SMTP|gethostbyname|getaddrinfo)\(\[?["']([\w.-]+)["']`),
	}
)

// addressIn is the address that a text names, with its kind if it is a URL.
// Credentials before an @ are not read.
func addressIn(text string) peer {
	var found peer
	for _, m := range urlPattern.FindAllStringSubmatch(text, -1) {
		scheme, _, _ := strings.Cut(m[1], "+")
		if !isDocumentation(m[2]) {
			found.host = strings.Trim(m[2], "[]")
			found.service = serviceBy(func(s service) bool { return slices.Contains(s.schemes, scheme) })
			if found.port, _ = strconv.Atoi(m[3]); found.port == 0 {
				found.port = map[string]int{"http": 80, "https": 443}[scheme]
			}
			return found
		}
	}
	if m := socketPattern.FindStringSubmatch(text); m != nil {
		found.socket = m[1]
		return found
	}
	return firstAddress(addressPatterns, text)
}

func addressInArguments(source string) peer { return firstAddress(argumentPatterns, source) }

func firstAddress(all []*regexp.Regexp, text string) peer {
	for _, re := range all {
		m := re.FindStringSubmatch(text)
		if m == nil || strings.HasSuffix(m[1], ".py") {
			continue
		}
		found := peer{host: m[1]}
		if len(m) > 2 {
			found.port, _ = strconv.Atoi(m[2])
		}
		return found
	}
	return peer{}
}

// isDocumentation says that a host only explains the errors of a library.
func isDocumentation(host string) bool {
	return host == "sqlalche.me" || strings.HasPrefix(host, "errors.") || strings.HasPrefix(host, "docs.") || strings.HasSuffix(host, ".readthedocs.io")
}
