<?php

// Messages for users, by the API of dSock: a page that shows those of one user, and a script that
// sends them.
//
//     FANTAIL_DSOCK_TOKEN=change-me fantail --listen tcp://127.0.0.1:6241=dsock &
//     php -S 127.0.0.1:8000 examples/dsock_notify.php                        the page
//     php examples/dsock_notify.php ann "your parcel is there"               the script
//
// Open http://127.0.0.1:8000/?user=ann, then run the script; it works as well from a page, a queue
// or a cron job. It ends with 0 if a browser was there.

declare(strict_types=1);

require __DIR__ . '/settings.php';

use Fantail\Dsock\Client;
use Fantail\Dsock\Target;
use Fantail\FantailException;

/** The script's part: sends to all browsers of a user; how many there are. */
function notify(string $user, string $message): int
{
    $dsock = new Client(DSOCK, token: DSOCK_TOKEN);
    $target = Target::user($user);
    $count = count($dsock->info($target)->connections);
    $dsock->send($target, $message);
    return $count;
}

/** The page's part: where the browser connects. A claim lets it in, once. */
function address_for_browser(string $user): string
{
    $dsock = new Client(DSOCK, token: DSOCK_TOKEN);
    $claim = $dsock->createClaim($user, session: 'page', duration: 30);
    return DSOCK_FOR_BROWSERS . '/connect?claim=' . rawurlencode($claim->id);
}

function run(array $arguments): int
{
    if (count($arguments) !== 3 || $arguments[1] === '') {
        fwrite(STDERR, "usage: php dsock_notify.php USER MESSAGE\n");
        return 2;
    }
    [, $user, $message] = $arguments;
    try {
        $count = notify($user, $message);
    } catch (FantailException $exception) {
        fwrite(STDERR, "dsock_notify: {$exception->getMessage()}\n");
        return 1;
    }
    echo "$user has $count " . ($count === 1 ? 'browser' : 'browsers') . " open\n";
    return $count > 0 ? 0 : 3;
}

function show(): void
{
    // Yours knows who is logged in, and does not believe the address.
    $user = is_string($_GET['user'] ?? null) && $_GET['user'] !== '' ? $_GET['user'] : 'ann';
    try {
        $address = address_for_browser($user);
    } catch (FantailException $exception) {
        http_response_code(503);
        header('Content-Type: text/plain; charset=utf-8');
        echo "Please try again: {$exception->getMessage()}\n";
        return;
    }
    $name = htmlspecialchars($user, ENT_QUOTES | ENT_SUBSTITUTE);
    $inScript = json_encode($address, JSON_HEX_TAG | JSON_HEX_AMP | JSON_THROW_ON_ERROR);
    echo <<<HTML
        <!doctype html>
        <meta charset="utf-8">
        <title>Messages for $name</title>
        <h1>Messages for $name</h1>
        <p id="state">connecting</p>
        <ul id="messages"></ul>
        <script>
          const socket = new WebSocket($inScript);
          const state = document.getElementById("state");
          socket.onopen = () => (state.textContent = "waiting");
          // A claim is good for one connection: with a new page comes a new one.
          socket.onclose = () => (state.textContent = "the connection is lost, please load the page again");
          socket.onmessage = ({ data }) => {
            const item = document.createElement("li");
            item.textContent = data;
            document.getElementById("messages").append(item);
          };
        </script>

        HTML;
}

if (PHP_SAPI === 'cli') {
    exit(run($argv));
}
show();
