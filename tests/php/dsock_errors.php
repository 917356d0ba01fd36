<?php

// What goes wrong with calls of dSock's API: dsock_errors.php URL TOKEN DIRECTORY. Where a server
// has to misbehave, it is a child of this script.

declare(strict_types=1);

require __DIR__ . '/expect.php';

use Fantail\Dsock\Client;
use Fantail\Dsock\NoAnswerException;
use Fantail\Dsock\RefusedException;
use Fantail\Dsock\Target;

[, $url, $token, $directory] = $argv;
ini_set('zend.exception_ignore_args', '0');
$dsock = new Client($url, $token);
$target = Target::user('1');

function refusal(string $code, int $status, callable $call): RefusedException
{
    global $token;
    try {
        $call();
    } catch (RefusedException $refusal) {
        expect([$code, $status], [$refusal->errorCode, $refusal->status], $refusal->getMessage());
        expect(false, str_contains(print_r($refusal->getTrace(), true), $token), 'the token in a trace');
        return $refusal;
    }
    throw new RuntimeException("no $code");
}

// Refusals.
$dsock->createClaim('1', id: 'used');
$refusal = refusal('CLAIM_ID_ALREADY_USED', 400, fn () => $dsock->createClaim('1', id: 'used'));
expect('Claim ID is already used (CLAIM_ID_ALREADY_USED)', $refusal->getMessage(), 'a message');
expect(36, strlen($refusal->requestId), 'the name of a request');
refusal('NEGATIVE_DURATION', 400, fn () => $dsock->createClaim('1', duration: 0));
refusal('NEGATIVE_EXPIRATION', 400, fn () => $dsock->createClaim('1', expiration: -1));
// In milliseconds, by mistake.
refusal('INVALID_EXPIRATION', 400, fn () => $dsock->createClaim('1', expiration: time() * 1000));
refusal('INVALID_MESSAGE_TYPE', 400, fn () => $dsock->send($target, "\xff"));
refusal('ERROR_BINDING_QUERY_PARAMS', 400, fn () => $dsock->info(Target::user("\xff")));
$stranger = new Client($url, 'wrong');
refusal('INVALID_AUTHORIZATION', 400, fn () => $stranger->info($target));
$stranger->ping();
foreach ([1_048_577, 5_000_000] as $length) {
    $tooLong = str_repeat('x', $length);
    $refusal = refusal('BODY_TOO_LARGE', 413, fn () => $dsock->send($target, $tooLong));
    expect(true, str_contains($refusal->getMessage(), 'request body limit'), 'the limit is named');
}
$lost = new Client("$url/elsewhere", $token);
$refusal = refusal('UNEXPECTED_ANSWER', 404, fn () => $lost->info($target));
expect(true, str_ends_with($refusal->getMessage(), '404 page not found'), $refusal->getMessage());
expect(36, strlen($refusal->requestId), 'the name of a request');
refusal('UNEXPECTED_ANSWER', 404, fn () => $lost->ping());

// Wrong arguments.
foreach ([
    fn () => Target::id(''),
    fn () => Target::user(''),
    // Would be all sessions of the user.
    fn () => Target::user('1', ''),
    fn () => Target::channel('c', ''),
    fn () => $dsock->createClaim(''),
    fn () => $dsock->createClaim('1', id: ''),
    fn () => $dsock->createClaim('1', channels: ['a,b']),
    fn () => $dsock->createClaim('1', channels: ['']),
    fn () => $dsock->createClaim('1', duration: 1, expiration: time() + 1),
    fn () => $dsock->subscribe('a/b', $target),
    fn () => $dsock->subscribe('a,b', $target),
    fn () => $dsock->subscribe([], $target),
    fn () => $dsock->unsubscribe('', $target),
    fn () => new Client($url, ''),
    fn () => new Client($url, "a\nb"),
    fn () => new Client('ws://127.0.0.1', $token),
    fn () => new Client('127.0.0.1:6241', $token),
    fn () => new Client("$url?x=y", $token),
    fn () => new Client("$url/a b", $token),
    fn () => new Client('http://user@127.0.0.1', $token),
] as $call) {
    expect_exception(InvalidArgumentException::class, '', $call);
}
expect(false, str_contains(print_r($dsock, true), $token), 'the token is shown');

/** Makes a call to a server that answers with these bytes. */
function call_to(string $response, float $timeout = 5.0): void
{
    global $token;
    $pipes = [];
    $command = [PHP_BINARY, __DIR__ . '/fake_server.php', $response];
    $server = proc_open($command, [1 => ['pipe', 'w']], $pipes);
    try {
        $address = trim(fgets($pipes[1]));
        (new Client("http://$address/api/", $token, $timeout))->subscribe('c', Target::user('1'));
    } finally {
        proc_terminate($server, 9);
        proc_close($server);
    }
}

$ok = '{"success":true}';
foreach ([
    "HTTP/1.1 200 OK\r\nContent-Length: 16\r\n\r\n$ok",
    "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length:16\r\n\r\n$ok and more",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\n{\"suc\r\nB\r\ncess\":true}\r\n0\r\n\r\n",
] as $response) {
    call_to($response);
}
foreach ([
    [200, 'pong'], [200, 'null'], [200, '[]'], [200, '{"success":"true"}'], [200, '{"suc'],
    [502, '<h1>Bad Gateway</h1>'], [400, $ok], [307, ''], [500, '{"success":false}'],
    [500, '{"success":false,"errorCode":5,"error":"x"}'], [500, '{"success":false,"errorCode":"X"}'],
] as [$status, $body]) {
    $response = "HTTP/1.1 $status X\r\nLocation: $url\r\nContent-Length: " . strlen($body) . "\r\n\r\n$body";
    refusal('UNEXPECTED_ANSWER', $status, fn () => call_to($response));
}
foreach ([
    ["SSH-2.0-x\r\n\r\n", 'no web server'],
    ["HTTP/1.1 200 OK\r\n", 'No answer within 0.3 s'],
    ["HTTP/1.1 200 OK\r\n\r\n$ok", 'No answer within'],
    ["HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n$ok", 'No answer within'],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\n$ok\r\n", 'No answer within'],
    ['', 'closed the connection without an answer'],
    [str_repeat('x', 70_000), 'not complete'],
] as [$response, $message]) {
    expect_exception(NoAnswerException::class, $message, fn () => call_to($response, 0.3));
}

// Nobody listens.
$listener = stream_socket_server('tcp://127.0.0.1:0');
$gone = stream_socket_get_name($listener, false);
fclose($listener);
expect_exception(NoAnswerException::class, 'refused', fn () => (new Client("http://$gone", $token))->ping());
try {
    (new Client("http://$gone", $token))->info($target);
    throw new RuntimeException('somebody listens');
} catch (NoAnswerException $exception) {
    $trace = print_r($exception->getTrace(), true);
    expect([true, false], [str_contains($trace, '/info?user=1'), str_contains($trace, $token)], 'a trace');
}

// TLS, with a certificate that signs itself.
$file = "$directory/localhost.pem";
$key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
$request = openssl_csr_new(['commonName' => 'localhost'], $key, ['digest_alg' => 'sha256']);
openssl_x509_export(openssl_csr_sign($request, null, $key, 1, ['digest_alg' => 'sha256']), $certificate);
openssl_pkey_export($key, $private);
file_put_contents($file, $certificate . $private);
$pipes = [];
$backend = parse_url($url, PHP_URL_HOST) . ':' . parse_url($url, PHP_URL_PORT);
$proxy = proc_open([PHP_BINARY, __DIR__ . '/tls_proxy.php', $backend, $file], [1 => ['pipe', 'w']], $pipes);
register_shutdown_function(static function () use ($proxy): void {
    proc_terminate($proxy, 9);
});
$secure = 'https://localhost:' . trim(fgets($pipes[1]));
expect_exception(NoAnswerException::class, 'ertificate', fn () => (new Client($secure, $token))->info($target));
$client = new Client($secure, $token, tls: ['cafile' => $file]);
$client->send($target, str_repeat('x', 1_000_000));
expect('used', $client->info($target)->claims[0]->id, 'a claim over TLS');
echo "done\n";
