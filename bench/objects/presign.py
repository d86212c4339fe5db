#!/usr/bin/python3
"""presign.py METHOD BUCKET PREFIX COUNT: prints COUNT targets (path and query) signed with AWS Signature V4 in the query.

Endpoint and credentials come from AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION. Keys are
PREFIX0, PREFIX1, ... Signing beforehand keeps the load generator's arithmetic out of what is timed.
"""
import datetime
import hashlib
import hmac
import os
import sys
from urllib.parse import quote, urlparse

method, bucket, prefix, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
host = urlparse(os.environ['AWS_ENDPOINT_URL']).netloc
region = os.environ.get('AWS_DEFAULT_REGION', 'noct-1')
now = datetime.datetime.now(datetime.timezone.utc)
stamp, day = now.strftime('%Y%m%dT%H%M%SZ'), now.strftime('%Y%m%d')
scope = f'{day}/{region}/s3/aws4_request'
key = ('AWS4' + os.environ['AWS_SECRET_ACCESS_KEY']).encode()
for part in (day, region, 's3', 'aws4_request'):
    key = hmac.new(key, part.encode(), hashlib.sha256).digest()
query = (f'X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={quote(os.environ["AWS_ACCESS_KEY_ID"] + "/" + scope, safe="")}'
         f'&X-Amz-Date={stamp}&X-Amz-Expires=3600&X-Amz-SignedHeaders=host')
lines = []
for i in range(count):
    path = f'/{bucket}/{prefix}{i}'
    canonical = f'{method}\n{path}\n{query}\nhost:{host}\n\nhost\nUNSIGNED-PAYLOAD'
    text = f'AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}'
    lines.append(f'{path}?{query}&X-Amz-Signature={hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}')
print('\n'.join(lines))
