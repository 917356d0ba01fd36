<?php

// "Your report is ready": a page that waits for a report, and the worker that makes it.
//
//     fantail &
//     php -S 127.0.0.1:8000 examples/drc_report.php     the page
//     php examples/drc_report.php 17                    the worker, for report 17
//
// Open http://127.0.0.1:8000/?report=17, then start the worker; or the other way round.

declare(strict_types=1);

require __DIR__ . '/settings.php';

use Fantail\Drc\Channel;
use Fantail\Drc\Client;
use Fantail\Drc\Message;
use Fantail\Drc\Mode;
use Fantail\FantailException;

const PROTOCOL = 'report';

/** The channel of a report: who watches it and who makes it meet there. */
function channel_of(int $report): string
{
    return "report-$report";
}

/** The page's part: a token lets this one browser into the channel, for 30 seconds. */
function token_for_browser(int $report, string $user): string
{
    $client = new Client(DRC, origin: ORIGIN);
    $extra = ['user' => $user];
    return $client->createToken(
        channel_of($report),
        PROTOCOL,
        Mode::SendToAuthorities,
        $extra,
        authToken: DRC_TOKEN,
    );
}

/** The worker's part: makes the report, and tells; whether anybody has seen it. */
function make_report(int $report): bool
{
    $client = new Client(DRC, origin: ORIGIN);
    $channel = $client->join(channel_of($report), PROTOCOL, token: DRC_TOKEN);
    echo "making report $report\n";
    sleep(1);
    $client->send($channel, 'report-ready', data: ['url' => "/reports/$report"]);
    echo "report $report is ready\n";
    return is_seen($client, $channel, $report);
}

/** Waits until a browser has seen it, and tells those that come late. */
function is_seen(Client $client, Channel $channel, int $report): bool
{
    $end = microtime(true) + PATIENCE;
    while (($left = $end - microtime(true)) > 0) {
        $message = $client->receive($left);
        if ($message?->isJoin()) {
            $to = $message->data['id'];
            $client->send($channel, 'report-ready', $to, ['url' => "/reports/$report"]);
        } elseif ($message?->command === 'seen') {
            $member = $channel->member($message->from);
            echo "{$member->extra['user']} has seen it\n";
            return true;
        }
    }
    return false;
}

if (PHP_SAPI === 'cli') {
    if (!preg_match('/\A[0-9]{1,9}\z/', $argv[1] ?? '')) {
        fwrite(STDERR, "usage: php drc_report.php REPORT\n");
        exit(2);
    }
    try {
        exit(make_report((int) $argv[1]) ? 0 : 3);
    } catch (FantailException $exception) {
        fwrite(STDERR, "drc_report: {$exception->getMessage()}\n");
        exit(1);
    }
}

// Your page knows from its session who asks, and which reports are theirs.
$report = (int) ($_GET['report'] ?? 17);
try {
    $join = [
        'cmd' => 'JOIN',
        'channel' => channel_of($report),
        'protocol' => PROTOCOL,
        'token' => token_for_browser($report, 'ann'),
        // The browser runs on the machine of an authority here: it is to be none.
        'ipauth' => false,
    ];
} catch (FantailException $exception) {
    http_response_code(503);
    exit('Please try again: ' . htmlspecialchars($exception->getMessage()));
}
?>
<!doctype html>
<meta charset="utf-8">
<title>Report <?= $report ?></title>
<p id="status">Report <?= $report ?> is being made ...</p>
<script>
  const text = document.getElementById("status");
  const socket = new WebSocket(<?= json_encode(DRC_FOR_BROWSERS, JSON_HEX_TAG) ?>);
  socket.onopen = () => socket.send(JSON.stringify(<?= json_encode($join, JSON_HEX_TAG) ?>));
  socket.onmessage = (event) => {
    const message = JSON.parse(event.data);
    if (!message.success) {
      text.textContent = message.error;
    } else if (message.cmd === "report-ready") {
      text.textContent = "Your report is ready: " + message.url;
      socket.send(JSON.stringify({channel: message.channel, cmd: "seen", to: message.from}));
    }
  };
</script>
